"""The messages of the feed: what HQ publishes to its branches, and what they tell of it."""

import hashlib
from typing import Annotated, Any, Final

import msgspec

from sync_protocol.contract.canonical import canonical_json
from sync_protocol.contract.messages import Count, DigestOrNone, IdText, Name

# What is published is small; this bounds what one receipts request may carry.
MOST_RECEIPTS: Final = 500
MOST_RECEIPT_BYTES: Final = 1_048_576
RECEIVED, APPLIED, REFUSED = "received", "applied", "refused"
OUTCOMES: Final = (RECEIVED, APPLIED, REFUSED)
Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
OutcomeName = Annotated[str, msgspec.Meta(pattern=r"^(?:received|applied|refused)\Z")]
Reason = Annotated[str, msgspec.Meta(max_length=300)]
Instant = Annotated[str, msgspec.Meta(min_length=27, max_length=27)]


class FeedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the feed: everything up to publication `seq` of the history that `digest` stands for.

    (0, '') is before the first one. The digest covers every publication up to it, so an HQ that was set back
    and has published other things since cannot be taken for the one that was.
    """

    seq: Position
    digest: DigestOrNone


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of one published item; `body` is null when it is `withdrawn` from this branch."""

    seq: Position
    id: IdText
    kind: Name
    name: Annotated[str, msgspec.Meta(max_length=80)]
    version: Version
    withdrawn: bool
    body: dict[str, Any] | None
    published_at: str
    expires_at: str | None = None


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/feed`: what was published after a place, in order.

    `after` is the place asked for, `start` the one this page starts from: the beginning when HQ does not know the
    place asked for, and then the branch forgets what it got before. `next` is the place to ask for next, null on
    the last page; `head` is where the branch stands once it has all pages.
    """

    branch: str
    after: FeedPoint
    start: FeedPoint
    entries: list[FeedEntry]
    head: FeedPoint
    next: FeedPoint | None = None


class FeedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one version at a branch; the instants are by its clock and are only shown.

    `reads` of `readers` people have read an announcement.
    """

    id: IdText
    version: Version
    outcome: OutcomeName
    received_at: Instant
    applied_at: Instant | None = None
    reasons: Annotated[list[Reason], msgspec.Meta(max_length=20)] = []
    reads: Count | None = None
    readers: Count | None = None


class FeedReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """What a branch tells of published items; `number` counts its tellings, `through` is where it stands."""

    number: Position
    through: FeedPoint
    receipts: Annotated[list[FeedReceipt], msgspec.Meta(max_length=MOST_RECEIPTS)]


class FeedReceiptsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `POST /sync/v1/feed/receipts`: this telling is kept."""

    branch: str
    number: Position


def next_digest(previous: str, publication: dict[str, Any]) -> str:
    """Return the digest of the feed once `publication` has followed what `previous` stands for."""
    return hashlib.sha256(previous.encode() + b"\n" + canonical_json(publication)).hexdigest()
