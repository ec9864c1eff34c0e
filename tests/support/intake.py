"""Batches handed to HQ's intake without network and signature: for many small histories of many branches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select

from hq_server.branches.models import Branch
from hq_server.ingest import decisions
from hq_server.ingest.operations import Delivery, receive_batch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.operations import Retried
from hq_server.parking.vocabulary import ParkedState
from hq_server.runtime import HqRuntime
from shared.clock import FakeClock
from shared.ids import new_id
from shared.stamp import Stamp, Via
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.payload import build_payload, parse_payload
from tests.contract.wire_rows import as_line, example_row, header_for


@dataclass
class Intake:
    """One branch as HQ sees it; batches follow each other in their channels by themselves."""

    hq: HqRuntime
    code: str = field(default_factory=lambda: new_id()[-12:])
    number: int = field(init=False)
    change: int = 0
    _heads: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.hq.database.sessions.begin() as session:
            branch = Branch(code=self.code, name=self.code, enrolled_at=self.hq.clock.now())
            session.add(branch)
            session.flush()
            self.number = branch.number

    def row(self, record: str, **values: Any) -> list[Any]:
        """Return a good row with the next change number, but for `values`."""
        self.change += 1
        return example_row(record, **{"change": self.change, "id": new_id(), **values})

    def deliver(
        self, record: str, *rows: list[Any], removed: Mapping[str, int] | None = None, **header: Any
    ) -> Mapping[str, Any]:
        """Take in the next batch of a record type and return its receipt."""
        channel = CATALOG[record].channel
        batch_no, digest = self._heads.get(channel, (0, ""))
        head = header_for(
            record,
            len(rows),
            branch=self.code,
            batch_no=batch_no + 1,
            prev_digest=digest,
            removed=[(change, one) for one, change in (removed or {}).items()],
            fresh=False,
            **header,
        )
        batch = parse_payload(build_payload(head, b"\n".join(as_line(row) for row in rows)))
        with self.hq.database.sessions.begin() as session:
            delivery = Delivery(self.number, batch, 1, self.hq.clock.now())
            kept = receive_batch(session, delivery, bindings=self.hq.bindings, identity=self.hq.identity)
        self._heads[channel] = batch_no + 1, batch.digest
        receipt: Mapping[str, Any] = kept["receipt"]
        return receipt

    def rows(self, record: str) -> dict[str, dict[str, Any]]:
        """Return what HQ holds of a record type, by id, without the batch that brought it."""
        table = self.hq.bindings[record].table
        columns = [column for column in table.c if column.name != "batch_id"]
        with self.hq.database.reads() as session:
            found = session.execute(select(*columns).where(table.c.branch_number == self.number))
            return {row.id: dict(row._mapping) for row in found}

    def names(self) -> set[str]:
        """Return the names of the account managers HQ holds."""
        return {row["name"] for row in self.rows("manager").values()}

    def parked(self, **conditions: Any) -> list[ParkedRecord]:
        """Return parked records, settled ones too, in the order they came."""
        with self.hq.database.reads() as session:
            statement: Select[ParkedRecord] = select(ParkedRecord).where(
                ParkedRecord.branch_number == self.number
            )
            return list(session.scalars(statement.filter_by(**conditions).order_by(ParkedRecord.id)))

    @staticmethod
    def parked_of(hq: HqRuntime, code: str) -> list[ParkedRecord]:
        """Return the parked records of a branch that delivers by itself."""
        with hq.database.reads() as session:
            mine = select(Branch.number).where(Branch.code == code).scalar_subquery()
            statement = select(ParkedRecord).where(ParkedRecord.branch_number == mine)
            return list(session.scalars(statement.order_by(ParkedRecord.id)))

    def open_changes(self) -> list[int | None]:
        """Return the change numbers of what is still parked, in the order it came."""
        return [one.row_change for one in self.parked(state=ParkedState.PARKED)]

    def check_again(self, parked_id: int, *, actor: str = "ana") -> Retried:
        """Have an administrator check a parked record again."""
        with self.hq.database.sessions.begin() as session:
            return decisions.check_again(session, parked_id, bindings=self.hq.bindings, by=self.by(actor))

    def by(self, actor: str) -> Stamp:
        """Return a stamp of now."""
        assert isinstance(self.hq.clock, FakeClock)
        return Stamp(at=self.hq.clock.now(), actor=actor, via=Via.WEB, terminal="test")
