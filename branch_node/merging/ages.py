"""How old the fields of a survivor were before a merge wrote into them, and that again when it is taken back."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from branch_node.customers.models import FieldAge
from branch_node.merging.values import plain
from shared.domain.customers.upkeep import FOLLOWED

_INSTANTS: Final = ("changed_at", "confirmed_at")
_KEPT: Final = (*_INSTANTS, "confirmed_by")


def ages_of(session: Session, customer_id: str, names: Collection[str]) -> dict[str, Any]:
    """Return how old some fields of a customer are, and who confirmed them, as JSON keeps it."""
    followed = [name for name in names if name in FOLLOWED]
    wanted = select(FieldAge).where(FieldAge.customer_id == customer_id, FieldAge.field.in_(followed))
    found = session.scalars(wanted, execution_options={"populate_existing": True})
    return {age.field: {name: plain(getattr(age, name)) for name in _KEPT} for age in found}


def give_ages_back(
    session: Session, customer_id: str, kept: Mapping[str, Any], names: Collection[str]
) -> None:
    """Let fields be as old as they were: the database took writing them back for a change of today."""
    of_them = FieldAge.customer_id == customer_id, FieldAge.field.in_(sorted(names))
    session.execute(delete(FieldAge).where(*of_them))
    rows = [
        {"customer_id": customer_id, "field": name, **{at: _stored(at, kept[name][at]) for at in _KEPT}}
        for name in sorted(kept)
        if name in names
    ]
    if rows:
        session.execute(insert(FieldAge), rows)


def _stored(name: str, value: str | None) -> datetime | str | None:
    return datetime.fromisoformat(value) if value is not None and name in _INSTANTS else value
