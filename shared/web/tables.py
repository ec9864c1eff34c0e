"""Columns of a list, declared once beside its view and drawn by the `data_table` macro."""

from dataclasses import dataclass
from typing import Any, Literal

CellKind = Literal["text", "number", "amount", "money", "percent", "date", "instant", "exact", "label", "own"]
NUMERIC = frozenset({"number", "amount", "money", "percent"})


@dataclass(frozen=True)
class Column:
    """One column: `name` is the row's attribute, `label` its heading (a lazy string), `kind` how it shows.

    `sort` makes the heading a link that orders by `name`. `link` is an endpoint: the cell then opens the
    record, whose `link_key` attribute becomes the view's argument `link_arg`. Kind "own" asks the caller
    of the macro. `wide` columns are left out on a telephone. `edit`, an endpoint that takes the same argument, is
    where the key e leads from the marked row, for those who may.
    """

    name: str
    label: Any
    kind: CellKind = "text"
    sort: bool = False
    link: str | None = None
    link_arg: str = "id"
    link_key: str = "id"
    wide: bool = False
    edit: str | None = None

    @property
    def numeric(self) -> bool:
        """Whether the column stands right-aligned with tabular figures."""
        return self.kind in NUMERIC
