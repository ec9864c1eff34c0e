"""Which rows must wait because a record they name is parked and HQ has never had it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from hq_server.parking import queries
from sync_protocol.apply import Wait
from sync_protocol.catalog import Bindings, RecordType


class Waiting:
    """What of one branch is parked, as far as rows of one record type need to know.

    When nothing of the branch is parked, one indexed query has told so and no row is looked at.
    """

    def __init__(self, session: Session, branch_number: int, record: RecordType, bindings: Bindings) -> None:
        """Look whether anything of the branch is parked."""
        self._session = session
        self._branch_number = branch_number
        self._record = record
        self._bindings = bindings
        self.any_parked = queries.has_parked(session, branch_number)

    def hold(self, rows: Sequence[Any], refused: Collection[str]) -> Mapping[str, Wait]:
        """Return which of `rows` wait for a parked record, or for one of the ids `refused` beside them."""
        parents = self._record.parents
        own = self._record.name in parents.values()
        if not parents or not (self.any_parked or (own and refused)):
            return {}
        blocking = self._blocking(rows, refused)
        held: dict[str, Wait] = {}
        while new := self._name(rows, blocking, held):
            held |= new
            if not own:
                break
            blocking[self._record.name] |= self._never_had(self._record.name, new.keys())
        return held

    def _blocking(self, rows: Sequence[Any], refused: Collection[str]) -> dict[str, set[str]]:
        """Return the ids that rows must wait for, by record type."""
        named: dict[str, set[str]] = {}
        for column, parent in self._record.parents.items():
            named.setdefault(parent, set()).update(
                value for row in rows if (value := getattr(row, column)) is not None
            )
        blocking = {}
        for parent, ids in named.items():
            found: set[str] = set()
            if self.any_parked:
                found |= queries.parked_ids(self._session, self._branch_number, parent, ids)
            if parent == self._record.name:
                found |= ids.intersection(refused)
            blocking[parent] = self._never_had(parent, found)
        return blocking

    def _never_had(self, record_type: str, ids: Collection[str]) -> set[str]:
        table = self._bindings[record_type].table
        held = queries.held_versions(self._session, self._branch_number, table, record_type, ids)
        return set(ids) - held.keys()

    def _name(
        self, rows: Sequence[Any], blocking: Mapping[str, set[str]], held: Mapping[str, Wait]
    ) -> dict[str, Wait]:
        new = {}
        for row in rows:
            if row.id in held:
                continue
            for column, parent in self._record.parents.items():
                value = getattr(row, column)
                if value is not None and value != row.id and value in blocking[parent]:
                    new[row.id] = Wait(column, parent, value)
                    break
        return new
