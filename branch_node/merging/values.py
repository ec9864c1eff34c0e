"""A customer's columns as a merge keeps them, and back."""

from datetime import date, datetime
from enum import Enum as PythonEnum
from typing import Any

from sqlalchemy import Date, Enum

from branch_node.customers.models import Customer
from shared.db.base import Base, Instant, instant_text

_COLUMNS = Base.metadata.tables[Customer.__tablename__].c


def plain(value: Any) -> Any:  # noqa: ANN401 - any column value
    """Return a column's value as JSON keeps it."""
    if isinstance(value, PythonEnum):
        return value.value
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def stored(name: str, value: Any) -> Any:  # noqa: ANN401 - any column value
    """Return what JSON kept of the column `name` as the column holds it."""
    kind = _COLUMNS[name].type
    if value is None:
        return None
    if isinstance(kind, Enum):
        assert kind.enum_class is not None
        return kind.enum_class(value)
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
