"""Deliveries to HQ written by hand: right in everything, except for what a test makes wrong."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from sqlalchemy import inspect, select, text

from branch_node.runtime import Answer, Request
from hq_server.branches.models import Branch
from hq_server.ingest.models import ChainPosition
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE, Problem
from sync_protocol.contract.keys import key_id, public_key_of
from sync_protocol.contract.messages import BatchHeader
from sync_protocol.contract.payload import CONTENT_TYPE, build_payload, compress
from sync_protocol.contract.signing import (
    CONTACT_HEADER,
    CYCLE_HEADER,
    NODE_HEADER,
    PENDING_HEADER,
    Message,
    sign_request,
)
from tests.contract.wire_rows import as_line, example_row, header_for
from tests.support.world import HQ_URL, BranchHere, World

_nonces = count(1)


@dataclass
class Desk:
    """Where deliveries of one branch are made up and handed in."""

    branch: BranchHere
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = self.branch.world

    def header(self, record: str = "manager", rows: int = 1, **changes: Any) -> BatchHeader:
        """Return the header HQ would take next in the record's channel."""
        channel = CATALOG[record].channel
        with self.world.hq.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == self.branch.code)).one()
            begun = session.scalars(select(ChainPosition).where(ChainPosition.branch_number == number)).all()
        at = next((one for one in begun if one.channel == channel), None)
        values: dict[str, Any] = {
            "branch": self.branch.code,
            "node": self.branch.runtime.settings.node_id,
            "batch_no": at.batch_no + 1 if at else 1,
            "prev_digest": at.digest if at else "",
        }
        if begun:
            values |= {"lineage": begun[0].lineage, "lineage_id": begun[0].lineage_id}
        return header_for(record, rows, **(values | changes))

    def payload(self, record: str = "manager", *lines: bytes, **changes: Any) -> bytes:
        """Return the next batch of a record type, of `lines` or of one good row."""
        block = lines or (as_line(example_row(record)),)
        return build_payload(self.header(record, len(block), **changes), b"\n".join(block))

    def message(self, body: bytes, *, key: str | None = None, encoding: str = "zstd") -> Message:
        """Return the request that carries a compressed batch, not signed yet."""
        node = self.branch.runtime.settings.node_id
        return Message(
            "POST",
            f"{HQ_URL}/sync/v1/batches",
            {
                "content-type": CONTENT_TYPE,
                "content-encoding": encoding,
                "idempotency-key": key or self._next_key(),
                NODE_HEADER: node,
                PENDING_HEADER: "0",
                CYCLE_HEADER: "5",
                **self.contact(),
            },
            body,
        )

    def contact(self) -> dict[str, str]:
        """Return the header of the contact HQ holds the branch to be in, if any."""
        with self.world.hq.database.reads() as session:
            last = session.scalar(select(Branch.contact_id).where(Branch.code == self.branch.code))
        return {CONTACT_HEADER: last} if last else {}

    def sign(
        self, message: Message, *, private_key: bytes | None = None, created: Any = None, nonce: str = ""
    ) -> None:
        """Sign a request as the branch does."""
        private = private_key or self.branch.runtime.private_key
        sign_request(
            message,
            private_key=private,
            key_id=key_id(public_key_of(private)),
            created=created or self.world.clock.now(),
            nonce=nonce or f"by-hand-{next(_nonces)}",
        )

    def send(self, message: Message) -> Answer:
        """Hand a request in as it is."""
        return self.world.transport().send(
            Request(message.method, message.url, message.headers, message.body)
        )

    def deliver(
        self,
        payload: bytes,
        *,
        encoding: str = "zstd",
        pack: Callable[[bytes], bytes] = compress,
        key: str | None = None,
    ) -> Answer:
        """Compress, sign and hand in a batch."""
        message = self.message(pack(payload), key=key, encoding=encoding)
        self.sign(message)
        return self.send(message)

    def _next_key(self) -> str:
        header = self.header()
        return f"{header.node}/{header.lineage}/{header.channel}/{header.batch_no}"

    def key_of(self, header: BatchHeader) -> str:
        """Return the idempotency key that belongs to a header."""
        return f"{header.node}/{header.lineage}/{header.channel}/{header.batch_no}"

    def deliver_next(self, record: str, *lines: bytes, **changes: Any) -> Answer:
        """Deliver rows in the next batch of a record type, with the key that belongs to it."""
        payload = self.payload(record, *lines, **changes)
        header = self.header(record, **changes)
        return self.deliver(payload, key=self.key_of(header))


def everything_in(world: World) -> str:
    """Return a digest of every row of every table HQ has, but for its alarms."""
    found = hashlib.sha256()
    with world.hq.database.engine.connect() as connection:
        for table in sorted(inspect(connection).get_table_names()):
            # An alarm may tell of a refusal.
            if "_search_" in table or table.startswith("sqlite_") or table == "alarms":
                continue
            rows = sorted(repr(tuple(row)) for row in connection.execute(text(f'SELECT * FROM "{table}"')))
            found.update(repr((table, rows)).encode())
    return found.hexdigest()


@contextmanager
def nothing_changes(world: World) -> Iterator[None]:
    """Fail when any row of any table of HQ is another afterwards."""
    before = everything_in(world)
    yield
    assert everything_in(world) == before, "a refused request changed HQ"


def assert_refused(answer: Answer, problem: Problem) -> dict[str, Any]:
    """Fail unless the answer is this problem, said as RFC 9457 and the register demand; return its members."""
    document: dict[str, Any] = msgspec.json.decode(answer.body)
    kind = problem.value
    assert (answer.status, document["type"]) == (kind.status, PROBLEM_TYPE + kind.code), document
    assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE
    assert (document["status"], document["retry"], document["title"]) == (
        kind.status,
        kind.retry,
        kind.meaning,
    )
    return document
