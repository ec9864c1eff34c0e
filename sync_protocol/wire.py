"""A row as its wire line, made by the database itself: twice as fast as fetching values and encoding them here."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Date, Text, cast, func, literal

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


def row_values(binding: Binding, row: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a wire row `[change, id, ...]`, accepted by its check, as its table's columns take them.

    One of an earlier version has fewer of them.
    """
    names = binding.record.columns[: len(row) - 1]
    return {name: _typed(binding.table.c[name], value) for name, value in zip(names, row[1:], strict=True)}


def _typed(column: ColumnElement[Any], value: Any) -> Any:  # noqa: ANN401 - any wire value
    if value is None:
        return None
    if isinstance(column.type, Instant):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    if isinstance(column.type, JSON):
        return json.loads(value)
    return value
