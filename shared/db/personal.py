"""Which columns hold personal data, and of which class: said once where the column is declared.

Masking on pages, sealing in the operation log and retention all read the same declaration.
"""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column

KEY: Final = "personal"


class FieldClass(StrEnum):
    """A class of personal data; each is shown, kept and erased by rules of its own."""

    IDENTITY_NUMBER = "identity_number"
    MOBILE = "mobile"
    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"
    ADDRESS = "address"
    BANK = "bank"


def personal(kind: FieldClass) -> dict[str, Any]:
    """Return what `mapped_column(info=...)` takes for a column of this class."""
    return {KEY: kind}


def class_of(column: Column[Any]) -> FieldClass | None:
    """Return the class of a column's data, or None when it is not personal."""
    return column.info.get(KEY)
