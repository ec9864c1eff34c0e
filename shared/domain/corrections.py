"""Entries that are never changed: another one corrects them, and both stay.

An entry has the id of what it corrects in `corrects_id`, and says by `is_void` that it takes that back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, aliased

from shared.db.parts import Part, first_of

Entry = TypeVar("Entry", bound=Any)


@dataclass(frozen=True, slots=True)
class Told(Generic[Entry]):
    """An entry that nothing corrects, with the versions it took the place of, the latest first."""

    answer: Entry
    before: Sequence[Entry]

    @property
    def counts(self) -> bool:
        """Whether it happened."""
        return not self.answer.is_void


def uncorrected(entity: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
    """Hold the entries of a mapped class that no other corrects."""
    return ~exists().where(_later(entity).corrects_id == entity.id)


@cache
def _later(entity: Any) -> Any:  # noqa: ANN401 - a mapped class and its alias
    return aliased(entity)


def counts(session: Session, entry: Any) -> bool:  # noqa: ANN401 - an entry of any mapped class
    """Tell whether an entry is neither corrected nor taken back, and takes none back itself."""
    entity = type(entry)
    return not entry.is_void and not session.scalar(select(exists().where(entity.corrects_id == entry.id)))


def first_told(session: Session, wanted: Select[Entry], entity: type[Entry], most: int) -> Part[Told[Entry]]:
    """Return the first of the ordered entries that nothing corrects, each with what it took the place of."""
    found = first_of(session, wanted, most)
    before = _read_before(session, entity, {one.corrects_id for one in found if one.corrects_id})
    return Part([Told(one, versions_before(one, before)) for one in found], found.total)


def _read_before(session: Session, entity: type[Entry], ids: Collection[str]) -> dict[str, Entry]:
    known: dict[str, Entry] = {}
    while ids:
        found = session.scalars(select(entity).where(entity.id.in_(sorted(ids)))).all()
        known |= {one.id: one for one in found}
        ids = {one.corrects_id for one in found if one.corrects_id} - known.keys()
    return known


def versions_before(last: Entry, known: Mapping[str, Entry]) -> list[Entry]:
    """Return the entries that `last` took the place of, the latest first, as far as they are `known` by their ids.

    Whatever a branch sends: of entries that correct each other each is told once.
    """
    found: list[Entry] = []
    before = known.get(last.corrects_id or "")
    while before is not None and before not in found:
        found.append(before)
        before = known.get(before.corrects_id or "")
    return found
