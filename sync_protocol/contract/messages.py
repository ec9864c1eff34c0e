"""The JSON messages of the protocol; unknown members are ignored, so that either side may be newer."""

from typing import Annotated, Any, Final

import msgspec

from sync_protocol.contract.fields import ID_PATTERN, INSTANT_LENGTH, INT64

MOST_LINEAGE: Final = 2**31 - 1
IdText = Annotated[str, msgspec.Meta(pattern=rf"^(?:{ID_PATTERN})\Z")]
DigestText = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{64})\Z")]
DigestOrNone = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]
# Far beyond what a record type will ever see, and a number every database holds.
MOST_SCHEMA: Final = 9_999
ChangeNumber = Annotated[int, msgspec.Meta(ge=1, le=INT64 - 1)]
BatchNumber = Annotated[int, msgspec.Meta(ge=1, le=INT64 - 1)]
BatchCount = Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
Lineage = Annotated[int, msgspec.Meta(ge=1, le=MOST_LINEAGE)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_LINEAGE)]
SchemaVersion = Annotated[int, msgspec.Meta(ge=1, le=MOST_SCHEMA)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
BucketName = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{2})\Z")]
RowDigest = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{32})\Z")]
# Wider than an id: a row that is refused may be called anything.
AnyId = Annotated[str, msgspec.Meta(max_length=80)]


# Kinds of fields and of contradictions together that a branch may count apart.
MOST_COUNTS = 50


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the branch holds of one record type, to be compared.

    `buckets` gives count and digest of the rows whose id ends in the bucket's two digits; a bucket
    without rows is left out. The records in `open` have changed since and are not counted. `backlog` is the last
    batch of the backlog channel with rows of this type, left out when there is none: a receiver that has applied
    more of them, or fewer, holds other rows than these and compares nothing. `answers` names what the
    receiver had asked to be sent once more and has got with this; left out when that is nothing.
    """

    rows: Count
    buckets: dict[BucketName, tuple[Count, RowDigest]]
    open: list[AnyId]
    backlog: BatchNumber | msgspec.UnsetType = msgspec.UNSET
    answers: list[IdText] | msgspec.UnsetType = msgspec.UNSET


class Beside(Held, frozen=True, kw_only=True):
    """What it holds of another record type, in the version `schema`, as of batch `after` of that type's channel."""

    schema: SchemaVersion
    after: BatchCount


class Barrier(Held, frozen=True, kw_only=True):
    """What the branch holds of the batch's record type, exactly as of this place in the chain.

    `beside` tells the same of further record types; a receiver that does not know it compares the first alone.
    """

    beside: dict[Name, Beside] | msgspec.UnsetType = msgspec.UNSET


class BatchHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a batch: whose it is, where it stands in its chain, and what its rows are.

    `prev_digest` is the digest of the batch before it in the same lineage and channel ('' for the
    first). `removed` lists `[change, id]` of records that are gone. `control` holds sums of money in
    minor units by currency, period and kind, for record types that carry money. `fresh` says that
    every row was made since the batch before: a hint that lets the receiver load without looking.
    A `barrier` asks the receiver to compare what it holds at this place.
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
    schema: SchemaVersion
    columns: list[str]
    rows: Count
    removed: list[tuple[ChangeNumber, IdText]]
    control: dict[str, dict[str, dict[str, int]]]
    sealed_at: Annotated[str, msgspec.Meta(min_length=INSTANT_LENGTH, max_length=INSTANT_LENGTH)]
    fresh: bool = False
    barrier: Barrier | msgspec.UnsetType = msgspec.UNSET


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


class ParkedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One refused row as it stands at HQ; `id` and `change` are null where the row does not tell them."""

    record: str
    id: str | None
    lineage: int
    change: int | None
    code: str
    reasons: dict[str, list[str]]
    parked_at: str


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/parked`: what is parked of a branch, oldest first.

    `total` counts all of it; `next` is the `after` of the next page, null on the last.
    """

    total: int
    entries: list[ParkedEntry]
    next: int | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to a batch: it is committed at HQ. Both sides keep it.

    `received_through` and `applied_through` are batch numbers of the channel. `next_push_after_s`
    asks the branch to wait that long before its next cycle; null leaves it to the branch. `differs` answers
    a barrier: the buckets in which HQ holds other rows, none when all are equal; null when none was compared.
    `beside` answers the same for each record type that is compared beside it; left out where none is.
    `backed_up_through` is the last batch of this lineage and channel that HQ's backups hold, null when none.
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
    differs: list[str] | None = None
    beside: dict[str, list[str] | None] | msgspec.UnsetType = msgspec.UNSET


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """Where HQ stands in one channel of a branch; `backed_up_through` is `[lineage, batch_no]` of its backups."""

    lineage: int
    batch_no: int
    digest: str
    backed_up_through: tuple[int, int] | None = None


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the feed of published items stands, and which telling of the branch about them HQ has kept last."""

    seq: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    digest: DigestOrNone
    receipts: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]


class ResendAsked(msgspec.Struct, frozen=True, kw_only=True):
    """HQ wants all records of a type once more; told until a barrier answers it."""

    id: str
    record: str
    reason: str
    by: str


class LogEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Where HQ's own operation log ended, and when HQ said so; kept by branches, who bring it back.

    `signature` is HQ's over the other members and its id, so that it can be checked later and by others.
    """

    seq: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    digest: DigestText
    at: str
    signature: str

    def signed(self, hq: str) -> dict[str, Any]:
        """Return what the signature of the HQ with this id is over."""
        return {"hq": hq, "seq": self.seq, "digest": self.digest, "at": self.at}


class LogFault(msgspec.Struct, frozen=True, kw_only=True):
    """The end a branch brought back is not in HQ's log as it stands; `why` is cut, rewritten or restored."""

    seq: int
    why: str


class StateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/state`; `verify` asks for a barrier of these record types.

    `recount` names closed days that HQ counts otherwise: the branch counts them again. `parked` tells how
    many rows of the branch are parked. `feed` is null from an HQ that publishes nothing.
    `log` is where HQ's operation log ends; `log_fault` says that the end this branch brought back does not fit it.
    `reads` tells by record type the first and the last schema version that HQ reads whole; of later ones it carries
    the columns it does not know. Null from an HQ that reads version 1 alone.
    """

    branch: str
    hq: str
    at: str
    channels: dict[str, ChannelState]
    push_interval_s: int
    next_push_after_s: int | None = None
    lineage: int | None = None
    lineage_id: str | None = None
    parked: int | None = None
    verify: list[str] = []
    recount: list[str] = []
    resend: list[ResendAsked] = []
    feed: FeedState | None = None
    reads: dict[str, tuple[int, int]] | None = None
    log: LogEnd | None = None
    log_fault: LogFault | None = None


class LogPlace(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of an operation log, by number and digest; an empty digest says that there is no such entry."""

    seq: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    digest: Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]


class ArchiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain of a branch's retained archive ends, and how many files it keeps.

    `checked_at` is when the branch last read all of it, `bad` the first entry that was not as it was written.
    """

    seq: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    digest: DigestText
    files: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    checked_at: str | None = None
    bad: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)] | None = None


class UpkeepReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many open customers a branch has, and how many of them have a field that is stale or contradicts something.

    `flagged` have either; `fields` are the stale ones by field, `conflicts` by what contradicts; `complete` is the mean
    completeness of the files in percent. `at` is when the branch counted.
    """

    at: str
    customers: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    flagged: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    stale: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    conflicting: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]
    complete: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    fields: dict[str, Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]] = msgspec.field(default_factory=dict)
    conflicts: dict[str, Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)]] = msgspec.field(
        default_factory=dict
    )

    def is_plausible(self) -> bool:
        """Tell whether the numbers can be true together."""
        parts = (self.stale, self.conflicting)
        single = [*self.fields.values(), *self.conflicts.values()]
        return (
            max(parts) <= self.flagged <= min(self.customers, sum(parts))
            and all(count <= self.stale for count in self.fields.values())
            and all(count <= self.conflicting for count in self.conflicts.values())
            and len(single) <= MOST_COUNTS
        )


class LogReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a branch's operation log ends; `known` is its entry at the number HQ has asked for.

    `archive` and `archive_known` are the same of its retained archive; null from a branch that has none yet.
    `upkeep` is sent when the branch has counted anew.
    """

    head: LogPlace
    known: LogPlace | None = None
    archive: ArchiveReport | None = None
    archive_known: LogPlace | None = None
    upkeep: UpkeepReport | None = None


class LogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer: null when the end is kept, or the number of the entry HQ wants to compare first.

    `kept` is that entry as HQ knows it, for a branch that compares for itself. `ask_archive` is the same question of
    the retained archive.
    """

    ask: int | None = None
    kept: LogPlace | None = None
    ask_archive: int | None = None


class ChainPage(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/chain`: batches it holds of one channel, newest first.

    Each entry is `[lineage, batch_no, digest]`; `older` asks for the next page, null on the last.
    """

    channel: str
    entries: list[tuple[int, int, str]]
    older: int | None = None


class RecoveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `GET /sync/v1/recovery`: what it received of one record type after a batch.

    `rows` are wire rows as they stand at HQ, `removed` lists `[change, id]`; `next` asks for the next page. `refused`
    are the lines HQ keeps parked, as texts: they need not be rows. Of a record in both, the line is the newer.
    """

    record: str
    rows: list[list[Any]]
    removed: list[tuple[int, str]]
    refused: list[str] = []
    next: str | None = None


class LineageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A branch opens a new history: its id, why, and by channel the last batch that both hold.

    A point is `[lineage, batch_no, digest]`; a channel without one begins anew.
    """

    lineage_id: IdText
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    forked_at: dict[Name, tuple[Lineage, BatchNumber, DigestText]]


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A node asks to become a branch: the one-time code, its own new key, and proof that it holds the key.

    `branch` is what the node has been before; a code for another branch is refused then.
    """

    code: str
    node: str
    public_key: str
    proof: str
    branch: str | None = None


class EnrolmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ has pinned the key: which branch this node is now, and the key that signs HQ's receipts."""

    branch: str
    name: str
    hq: str
    hq_public_key: str
    push_interval_s: int


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The key a node will sign with from now on, told under its present one; `proof` is the new key's signature."""

    public_key: str
    proof: str


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `PUT /sync/v1/keys/ID`: the key is pinned; the one before is taken until then at most."""

    key: str
    overlap_until: str


class CompareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The branch tells every row it holds in the buckets that differ, as `[id, digest]`, without the `open` ones.

    The digests are of the columns of version `schema`.
    """

    record: Name
    buckets: dict[BucketName, list[tuple[AnyId, RowDigest]]]
    open: list[AnyId]
    schema: SchemaVersion = 1


class CompareAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's signed answer to `POST /sync/v1/compare`: the records to send again, and those to tell as removed."""

    record: str
    send: list[str]
    remove: list[str]


def to_json(message: msgspec.Struct) -> dict[str, Any]:
    """Return a message as plain JSON values."""
    builtins: dict[str, Any] = msgspec.to_builtins(message)
    return builtins
