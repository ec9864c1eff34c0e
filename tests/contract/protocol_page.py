"""docs/protocol.md read as the contract it is: its examples by title, and the tables it must hold."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sync_protocol.catalog import CATALOG
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.fields import (
    Code,
    Day,
    InstantText,
    JsonText,
    Month,
    RecordId,
    Text,
    Whole,
    WireField,
)

PAGE: Final = Path(__file__).parents[2] / "docs" / "protocol.md"
_BLOCK = re.compile(r"^```(\w+) ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```(\w*)(.*)\n(?:.*\n)*?```$", re.MULTILINE)
_SAID: Final[Mapping[type[WireField], Any]] = {
    RecordId: lambda _field: "id",
    Month: lambda _field: "month",
    Text: lambda field: f"text, {field.least} to {field.most} characters",
    Code: lambda field: "one of " + ", ".join(f"`{code}`" for code in field.codes),
    Whole: lambda field: "whole number" + (f", {field.least} to {field.most}" if field.least >= 0 else ""),
    Day: lambda _field: "day",
    InstantText: lambda _field: "instant",
    JsonText: lambda field: (
        "text of a JSON "
        + ("list of texts" if field.is_list else "object of texts, whole numbers, true, false, null")
        + f", at most {field.most} characters"
    ),
}


def examples() -> dict[str, tuple[str, str]]:
    """Return every example of the page by its title: its language and its text."""
    return {title: (language, content) for language, title, content in _BLOCK.findall(PAGE.read_text())}


def blocks_without_title() -> list[str]:
    """Return fenced blocks that no test could find."""
    return [language for language, title in _ANY_BLOCK.findall(PAGE.read_text()) if not title.strip()]


def record_table(name: str) -> str:
    """Return the table of a record type's columns as the page must hold it."""
    lines = ["| # | Column | Value | May be null |", "|---|---|---|---|"]
    for number, (column, field) in enumerate(CATALOG[name].check.fields.items()):
        lines.append(
            f"| {number} | `{column}` | {_SAID[type(field)](field)} | {'yes' if field.nullable else 'no'} |"
        )
    return "\n".join(lines)


def problem_table() -> str:
    """Return the table of problems as the page must hold it."""
    lines = ["| Code | Status | Try again | Meaning |", "|---|---|---|---|"]
    for problem in Problem:
        kind = problem.value
        lines.append(f"| `{kind.code}` | {kind.status} | {'yes' if kind.retry else 'no'} | {kind.meaning} |")
    return "\n".join(lines)


def catalog_table() -> str:
    """Return the table of record types in the order they are sent."""
    rows = (f"| `{one.name}` | {one.version} | {one.kind} | `{one.channel}` |" for one in CATALOG.values())
    return "\n".join(["| Record type | Version | Kind | Channel |", "|---|---|---|---|", *rows])
