"""The JSON messages of the protocol; unknown members are ignored, so that either side may be newer."""

from typing import Annotated, Any, Final

import msgspec

from sync_protocol.contract.fields import ID_PATTERN, INSTANT_LENGTH, INT64

MOST_LINEAGE: Final = 2**31 - 1
IdText = Annotated[str, msgspec.Meta(pattern=rf"^(?:{ID_PATTERN})\Z")]
DigestText = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{64})\Z")]
DigestOrNone = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]
ChangeNumber = Annotated[int, msgspec.Meta(ge=1, le=INT64 - 1)]
BatchNumber = Annotated[int, msgspec.Meta(ge=1, le=INT64 - 1)]
Lineage = Annotated[int, msgspec.Meta(ge=1, le=MOST_LINEAGE)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_LINEAGE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class BatchHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a batch: whose it is, where it stands in its chain, and what its rows are.

    `prev_digest` is the digest of the batch before it in the same lineage and channel ('' for the
    first). `removed` lists `[change, id]` of records that are gone. `control` holds sums of money in
    minor units by currency, period and kind, for record types that carry money. `fresh` says that
    every row was made since the batch before: a hint that lets the receiver load without looking.
    """

    protocol: int
    branch: Name
    node: IdText
    lineage: Lineage
    lineage_id: IdText
    channel: Name
    batch_no: BatchNumber
    prev_digest: DigestOrNone
    record: Name
    schema: int
    columns: list[str]
    rows: Count
    removed: list[tuple[ChangeNumber, IdText]]
    control: dict[str, dict[str, dict[str, int]]]
    sealed_at: Annotated[str, msgspec.Meta(min_length=INSTANT_LENGTH, max_length=INSTANT_LENGTH)]
    fresh: bool = False


class BatchTrailer(msgspec.Struct, frozen=True, kw_only=True):
    """Last line of a batch: the SHA-256 of every byte before it, so that a cut or changed batch is known."""

    rows: Count
    sha256: DigestText


class ParkedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One refused row, told to its sender."""

    change: int | None
    id: str | None
    code: str
    reasons: dict[str, list[str]]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to a batch: it is committed at HQ. Both sides keep it.

    `received_through` and `applied_through` are batch numbers of the channel. `next_push_after_s`
    asks the branch to wait that long before its next cycle; null leaves it to the branch.
    """

    branch: str
    lineage: int
    channel: str
    batch_no: int
    digest: str
    received_through: int
    applied_through: int
    parked: list[ParkedNotice]
    hq: str
    received_at: str
    backed_up_through: int | None = None
    next_push_after_s: int | None = None


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """Where HQ stands in one channel of a branch."""

    lineage: int
    batch_no: int
    digest: str


class StateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/state`."""

    branch: str
    hq: str
    at: str
    channels: dict[str, ChannelState]
    push_interval_s: int
    next_push_after_s: int | None = None


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A node asks to become a branch: the one-time code, its own new key, and proof that it holds the key."""

    code: str
    node: str
    public_key: str
    proof: str


class EnrolmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ has pinned the key: which branch this node is now, and the key that signs HQ's receipts."""

    branch: str
    name: str
    hq: str
    hq_public_key: str
    push_interval_s: int


def to_json(message: msgspec.Struct) -> dict[str, Any]:
    """Return a message as plain JSON values."""
    builtins: dict[str, Any] = msgspec.to_builtins(message)
    return builtins
