"""The two rights a person may have."""

from enum import StrEnum
from typing import Self

from shared.errors import N_


class Right(StrEnum):
    """What a person may do; an administrator may do all that staff may."""

    label: str
    chinese: str

    STAFF = ("staff", N_("Staff"), "员工")
    ADMINISTRATOR = ("administrator", N_("Administrator"), "管理员")

    def __new__(cls, code: str, label: str, chinese: str) -> Self:
        """Make the member `code`, labelled for people."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        member.chinese = chinese
        return member

    @classmethod
    def with_code(cls, code: str) -> "Right | None":
        """Return the right with this code, or None."""
        return next((right for right in cls if right.value == code), None)

    def covers(self, needed: "Right") -> bool:
        """Tell whether somebody with this right may do what `needed` asks for."""
        return self is needed or self is Right.ADMINISTRATOR
