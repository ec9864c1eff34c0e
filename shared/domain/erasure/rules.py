"""What stands in the place of a personal value that was erased."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import JSON, Column, FromClause

from shared.db.personal import FieldClass, class_of, stands

ERASED: Final = "erased"
# What of a customer travels with personal text in it.
CARRIERS: Final = (
    "customer",
    "contact",
    "qualification",
    "unit",
    "bill_line",
    "work_log",
    "unit_event",
    "offer_answer",
    "question_answer",
    "legal_hold",
)


def personal_columns(table: FromClause) -> list[Column[Any]]:
    """Return the columns of a table that hold personal data, whatever their class."""
    return [column for column in table.columns if isinstance(column, Column) and class_of(column) is not None]


def blanks(table: FromClause, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row's personal columns hold once erased: nothing, or where something must stand, a word.

    A name says which number it had, so that bill lines and statistics of the customer can still be told apart.
    """
    return {column.name: _blank(column, row) for column in personal_columns(table)}


def _blank(column: Column[Any], row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any column value
    if isinstance(column.type, JSON):
        return [] if isinstance(row.get(column.name), list) else {}
    if column.nullable and not (stands(column) and row.get(column.name)):
        return None
    number = row.get("customer_no")
    return f"{ERASED} {number}" if class_of(column) is FieldClass.NAME and number else ERASED
