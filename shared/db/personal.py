"""Which columns hold personal data, and of which class: said once where the column is declared.

Masking on pages, sealing in the operation log and retention all read the same declaration.
"""

from contextvars import ContextVar
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, Dialect, FromClause, String, Table
from sqlalchemy.types import TypeDecorator

KEY: Final = "personal"
NONE: Final = "not_personal"
ABOUT: Final = "personal_about"
STANDS: Final = "personal_stands"
STAFF: Final = "personal_of_staff"


class FieldClass(StrEnum):
    """A class of personal data; each is shown, kept and erased by rules of its own."""

    IDENTITY_NUMBER = "identity_number"
    MOBILE = "mobile"
    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"
    ADDRESS = "address"
    BANK = "bank"
    NAME = "name"
    FREE_TEXT = "free_text"

    @property
    def masked(self) -> bool:
        """Whether pages mask it; names and remarks are seen by whoever sees the record, and sealed in the log only."""
        return self not in {FieldClass.NAME, FieldClass.FREE_TEXT}


def personal(kind: FieldClass, *, stands: bool = False) -> dict[str, Any]:
    """Return what `mapped_column(info=...)` takes for a column of this class.

    With `stands` a word stands in the place of an erased value although the column may be empty: that something was
    said is kept.
    """
    return {KEY: kind, STANDS: stands}


def not_personal() -> dict[str, Any]:
    """Return what `mapped_column(info=...)` takes for a text column, among personal ones, that tells of nobody."""
    return {NONE: True}


def is_not_personal(column: Column[Any]) -> bool:
    """Tell whether a column's declaration says that it tells of nobody."""
    return bool(column.info.get(NONE))


def class_of(column: Column[Any]) -> FieldClass | None:
    """Return the class of a column's data, or None when it is not personal."""
    return column.info.get(KEY)


def stands(column: Column[Any]) -> bool:
    """Return whether a word stands in the place of what was erased from a column that may be empty."""
    return bool(column.info.get(STANDS))


def of_staff(until: str = "") -> dict[str, Any]:
    """Return what `__table_args__` takes as `info` of a table about our own people.

    `until` says in a msgid how long a row is kept; without it the term of closed accounts counts.
    """
    return {STAFF: until}


def staff_term(table: FromClause) -> str | None:
    """Return what `of_staff` was told of a table; None when it is not about our own people."""
    return table.info.get(STAFF) if isinstance(table, Table) else None


def about(subject: str) -> dict[str, Any]:
    """Return what `mapped_column(info=...)` takes for the column that names whom a row's personal data is about.

    A row without such a column, or with none in it, is about itself.
    """
    return {ABOUT: subject}


def about_column(table: FromClause) -> tuple[str, str] | None:
    """Return whom a table's personal data is about, and the column that holds their id; None: the row itself."""
    found = [(column.info[ABOUT], column.name) for column in table.columns if ABOUT in column.info]
    return found[0] if found else None


# Whose personal data ("customer", "manager") comes back masked, for as long as a masked session is open.
MASKED: Final[ContextVar[frozenset[str]]] = ContextVar("masked", default=frozenset())


class PersonalText(TypeDecorator[str]):
    """Text of a class of personal data of some `subject`, masked in every row read while that subject is MASKED.

    It holds however the column is asked for: whole records, single columns, subqueries, exports. What is compared with
    it is not masked, so a whole number still finds its record.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int, kind: FieldClass, subject: str) -> None:
        """Take the width of the column, the class of what it holds, and whose data that is."""
        super().__init__(length)
        self.length, self.kind, self.subject = length, kind, subject

    @property
    def python_type(self) -> type[str]:
        """Text to whoever asks."""
        return str

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as the base class
        """Mask a value that leaves a masked session."""
        return mask(self.kind, value) if value is not None and self.subject in MASKED.get() else value


def mask(kind: FieldClass, value: str) -> str:
    """Return a value with only so much left that who knows it knows it again: 138****0001."""
    if not kind.masked:
        return value
    if kind is FieldClass.EMAIL:
        return f"{value[:1]}{HIDDEN}@{value.partition('@')[2]}"
    ahead, behind = _LEFT[kind]
    if len(value) < (ahead + behind) * 3 // 2:
        return value[:1] + HIDDEN
    return value[:ahead] + HIDDEN + (value[-behind:] if behind else "")


HIDDEN: Final = "****"
# How much is left of each class, ahead and behind.
_LEFT: Final = {
    FieldClass.IDENTITY_NUMBER: (3, 2),
    FieldClass.MOBILE: (3, 4),
    FieldClass.PHONE: (4, 2),
    FieldClass.WECHAT: (1, 1),
    FieldClass.ADDRESS: (6, 0),
    FieldClass.BANK: (0, 4),
}
