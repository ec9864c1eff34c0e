"""Lists a page at a time: page, size and order come from the address, within what the list allows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from flask import request, url_for
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

Row = TypeVar("Row")
SIZES: Final = (25, 50, 100, 200)
# Beyond this, OFFSET makes the database count rows it throws away; filters find things, paging does not.
DEEPEST: Final = 10_000
Sort = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted, in which order."""

    number: int
    size: int
    sort: str
    descending: bool

    @classmethod
    def from_query(
        cls, sorts: Sequence[str] | Mapping[str, Any], *, default: str, sizes: Sequence[int] = SIZES
    ) -> "PageRequest":
        """Read ?page=, ?size= and ?sort=name or -name; whatever is not allowed means the default."""
        wanted = request.args.get("sort", default)
        if wanted.removeprefix("-") not in sorts:
            wanted = default
        size = request.args.get("size", sizes[0], type=int)
        return cls(
            number=min(max(request.args.get("page", 1, type=int), 1), DEEPEST),
            size=size if size in sizes else sizes[0],
            sort=wanted.removeprefix("-"),
            descending=wanted.startswith("-"),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, with what its links need."""

    items: Sequence[Row]
    total: int
    request: PageRequest

    @property
    def number(self) -> int:
        """The page's number, from 1."""
        return self.request.number

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.request.size))

    @property
    def first(self) -> int:
        """Position of the first item shown, from 1; 0 in an empty list."""
        return (self.number - 1) * self.request.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """Position of the last item shown."""
        return self.first + len(self.items) - 1 if self.items else 0

    def url(self, number: int) -> str:
        """Return the address of another page of this list, filters kept."""
        return link(page=number if number > 1 else None)

    def sort_url(self, name: str) -> str:
        """Return the address of this list ordered by `name`; a second click turns the order round."""
        turned = self.request.sort == name and not self.request.descending
        return link(sort=f"-{name}" if turned else name, page=None)

    def order_of(self, name: str) -> str:
        """Return aria-sort's word for a column."""
        if self.request.sort != name:
            return "none"
        return "descending" if self.request.descending else "ascending"


def link(**changes: object) -> str:
    """Return this page's address with some of its query changed; None takes a name out."""
    query: dict[str, Any] = request.args.to_dict(flat=False)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return _with_query(url_for(request.endpoint or "", **(request.view_args or {})), query)


def link_to(endpoint: str, **values: Any) -> str:  # noqa: ANN401 - whatever the address is made of
    """Return another view's address with this page's query kept, such as the export of what a list shows."""
    return _with_query(url_for(endpoint, **values), request.args.to_dict(flat=False))


def link_without(endpoint: str, names: Collection[str], **values: Any) -> str:  # noqa: ANN401 - whatever the address is made of
    """Return another view's address with this page's query kept, but for some of its names."""
    query = {name: kept for name, kept in request.args.to_dict(flat=False).items() if name not in names}
    return _with_query(url_for(endpoint, **values), query)


def _with_query(address: str, query: Mapping[str, Any]) -> str:
    # Not as arguments of url_for: readers choose these names, and some mean something else to it ("endpoint").
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query, doseq=True)}"


def paginate(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    page: PageRequest,
    *,
    sorts: Mapping[str, Sort | Sequence[Sort]],
    tie: Sort,
    shape: Callable[[Any], Row] | None = None,
    total: int | None = None,
) -> Page[Any]:
    """Return one page of `statement` and how many rows it has in all.

    `sorts` maps each allowed name to the columns it orders by; `tie` is a unique column, so that no row
    shows twice or never between pages. Statements on one entity give entities, others give rows. A `total` that
    is known already is not counted again.
    """
    if total is None:
        total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    chosen = sorts[page.sort]
    columns: list[Sort] = [*chosen] if isinstance(chosen, Sequence) else [chosen]
    order = [_directed(column, descending=page.descending) for column in (*columns, tie)]
    part = statement.order_by(None).order_by(*order).limit(page.size).offset((page.number - 1) * page.size)
    found = session.execute(part)
    items: Sequence[Any] = found.scalars().all() if len(statement.column_descriptions) == 1 else found.all()
    return Page([shape(item) for item in items] if shape else items, total, page)


def _directed(column: Sort, *, descending: bool) -> ColumnElement[Any]:
    directed = column.desc() if descending else column.asc()
    # The two databases disagree on where NULL sorts; saying so costs the index, so only where it can be.
    return directed.nulls_last() if getattr(column, "nullable", True) else directed
