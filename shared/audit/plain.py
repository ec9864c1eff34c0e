"""Texts as they may stand in a log: nothing in them moves a cursor or turns the order of reading."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

# Cc moves a terminal's cursor, Cf makes a line read otherwise than it is, Z ends a line, Cs cannot be stored.
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with every text in it made plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value


def plain(text: str) -> str:
    """Return a text without what moves a cursor or turns the order of reading."""
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\r\n\t":
        return " "
    return "�" if unicodedata.category(char) in HIDDEN else char
