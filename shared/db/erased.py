"""The register of erasures beside the database: a restored backup knows nothing of them, this file does.

It holds ids, instants and codes, nothing personal. It lies in the home and in no backup; `restore` carries it over.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.config import PRIVATE, Home
from shared.errors import N_

FILE: Final = "erasures.json"
# The job of either app that keeps it.
TITLE: Final = N_("Keep the register of erasures")
Entry = dict[str, Any]


def read_register(home: Home) -> list[Entry]:
    """Return what the register holds, in the order of its ids; an empty list before the first erasure."""
    path = home.path / FILE
    if not path.exists():
        return []
    return [dict(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def keep_register(home: Home, entries: Iterable[Mapping[str, Any]]) -> int:
    """Add erasures to the register; what it holds already stays. Returns how many are new.

    Written beside and put in place as a whole, so that it is never half written.
    """
    held = {entry["id"]: entry for entry in read_register(home)}
    new = {entry["id"]: dict(entry) for entry in entries if entry["id"] not in held}
    if new:
        both = held | new
        text = json.dumps([both[one] for one in sorted(both)], indent=1)
        unfinished = home.path / f"{FILE}.new"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(PRIVATE)
        unfinished.replace(home.path / FILE)
    return len(new)


def carry_over(old: Home, new: Home) -> None:
    """Put the register of a node that makes room into the home that takes its place."""
    keep_register(new, read_register(old))
