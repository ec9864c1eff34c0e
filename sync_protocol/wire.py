"""A row as its wire line, made by the database itself: twice as fast as fetching values and encoding them here."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, cast, func, literal

from shared.db.base import Instant
from sync_protocol.catalog import Binding


def wire_row(binding: Binding, change: ColumnElement[int], dialect: str) -> ColumnElement[str]:
    """Return the SQL expression of a row of a bound table as its wire line, with `change` as its first value."""
    values = [change, *(_wire_value(binding.table.c[name], dialect) for name in binding.record.columns)]
    if dialect == "sqlite":
        row: ColumnElement[str] = func.json_array(*values)
        return row
    # json_build_array writes ", " between values; rows travel compact.
    parts = [func.coalesce(cast(func.to_json(value), Text), "null") for value in values]
    return literal("[").concat(func.concat_ws(",", *parts)).concat("]")


def _wire_value(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    if dialect == "sqlite":
        return column
    if isinstance(column.type, Instant):
        return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return column
