"""Entries that are never changed: another one corrects them, and both stay."""

from collections.abc import Mapping
from typing import Any, TypeVar

Entry = TypeVar("Entry", bound=Any)


def versions_before(last: Entry, known: Mapping[str, Entry]) -> list[Entry]:
    """Return the entries that `last` took the place of, the latest first, as far as they are `known` by their ids.

    Each has the id of what it corrects in `corrects_id`. Whatever a branch sends: of entries that correct each other
    each is told once.
    """
    found: list[Entry] = []
    before = known.get(last.corrects_id or "")
    while before is not None and before not in found:
        found.append(before)
        before = known.get(before.corrects_id or "")
    return found
