"""How a closed list of values is declared: stable codes on the wire and in the database, words for people."""

from enum import StrEnum
from typing import Self

from sqlalchemy import Enum


class Vocabulary(StrEnum):
    """A closed list; each member is a code and carries its English msgid and the Chinese word of import files."""

    label: str
    chinese: str

    def __new__(cls, code: str, label: str, chinese: str) -> Self:
        """Make the member `code`, labelled for people."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        member.chinese = chinese
        return member

    @classmethod
    def meant_by(cls, text: str) -> Self | None:
        """Return the member a person meant by its code, English word or Chinese word, or None."""
        wanted = text.strip().casefold()
        for member in cls:
            if wanted in {member.value.casefold(), member.label.casefold(), member.chinese.casefold()}:
                return member
        return None


def code_column(vocabulary: type[Vocabulary], *, length: int = 20) -> Enum:
    """Return the column type that stores a vocabulary's codes, checked by the database as well."""
    return Enum(
        vocabulary,
        native_enum=False,
        create_constraint=True,
        length=length,
        values_callable=lambda members: [member.value for member in members],
        name=vocabulary.__name__.lower(),
    )
