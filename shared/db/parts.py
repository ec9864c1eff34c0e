"""The beginning of a list that is not shown whole, which knows how long the list is."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

Row = TypeVar("Row")


class Part(Sequence[Row], Generic[Row]):
    """The first rows of a list; `total` is how many it has in all, so that no page leaves any out without a word."""

    def __init__(self, rows: Sequence[Row], total: int) -> None:
        """Keep the rows shown and how many there are."""
        self._rows, self.total = rows, total

    @property
    def cut(self) -> bool:
        """Whether there are more than these."""
        return self.total > len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        """Return one of the rows shown, or some."""
        return self._rows[place]

    def __len__(self) -> int:
        """Return how many rows are shown."""
        return len(self._rows)


def first_of(session: Session, statement: Select[*tuple[Any, ...]], most: int) -> Part[Any]:
    """Return the first rows of an ordered statement, at most so many, and how many it has: counted if there are more.

    Statements on one entity give entities, others give rows.
    """
    found = session.execute(statement.limit(most + 1))
    rows = found.scalars().all() if len(statement.column_descriptions) == 1 else found.all()
    if len(rows) <= most:
        return Part(rows, len(rows))
    total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    return Part(rows[:most], total)
