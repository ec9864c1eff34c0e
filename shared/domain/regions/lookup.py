"""The table of regions, read once a process."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from shared.db.search_terms import Term, query_terms, terms_of

CODE_LENGTH: Final = 6
LAST: Final = "\U0010ffff"
# What a municipality calls the level below it; says nothing to a reader.
_EMPTY_NAMES: Final = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})


@dataclass(frozen=True, slots=True)
class Region:
    """One province, city or county; `full_name` says the levels above it too (浙江省杭州市西湖区)."""

    code: str
    name: str
    full_name: str


def find_region(code: str | None) -> Region | None:
    """Return the region of a GB/T 2260 code, or None; longer codes (towns, villages) mean their county."""
    return _regions().get((code or "")[:CODE_LENGTH].ljust(CODE_LENGTH, "0")) if code else None


def region_name(code: str | None) -> str:
    """Return the region's full name; an unknown code is returned as it is, never dropped."""
    region = find_region(code)
    return region.full_name if region else (code or "")


def short_name(code: str | None) -> str:
    """Return the region's name without its province, which readers at one branch know."""
    region, province = find_region(code), find_region((code or "")[:2])
    if region is None or province is None or region.full_name == province.full_name:
        return region_name(code)
    return region.full_name.removeprefix(province.name)


def region_prefix(code: str) -> str:
    """Return what the codes of all places in the region begin with: 33 for 330000, 3301 for 330100."""
    stripped = code[:CODE_LENGTH]
    while stripped.endswith("00"):
        stripped = stripped[:-2]
    return stripped


def list_provinces() -> list[Region]:
    """Return the provinces in the order of their codes."""
    return [region for code, region in _regions().items() if code.endswith("0000")]


def list_cities(province: str) -> list[Region]:
    """Return the cities of a province (any code in it) in the order of their codes."""
    return [
        region
        for code, region in _regions().items()
        if code[:2] == province[:2] and code.endswith("00") and not code.endswith("0000")
    ]


def search_regions(query: str, limit: int = 20) -> list[Region]:
    """Return regions found by code, Chinese name, pinyin or initials; the widest first."""
    found = _by_pinyin(query) if any(each.isascii() and each.isalpha() for each in query) else _by_name(query)
    return sorted(found, key=lambda region: (len(region_prefix(region.code)), region.code))[:limit]


def _by_name(query: str) -> list[Region]:
    wanted = "".join(query.split())
    # Most words are of no region: that is seen at once.
    if not wanted or (wanted not in _all_names() and not wanted[0].isdecimal()):
        return []
    return [
        region
        for region in _regions().values()
        if region.name not in _EMPTY_NAMES
        and (wanted in region.name or wanted == region.full_name or region.code.startswith(wanted))
    ]


def _by_pinyin(query: str) -> list[Region]:
    met = [set[str]().union(*(_meeting(term) for term in group)) for group in query_terms(query)]
    codes = set.intersection(*met) if met else set()
    return [_regions()[code] for code in codes]


def _meeting(term: Term) -> Sequence[str]:
    """Return the codes of the regions one of whose words is this, or begins with it."""
    words, codes = _words()
    first = bisect_left(words, term.text)
    last = bisect_left(words, term.text + LAST) if term.prefix else bisect_right(words, term.text)
    return codes[first:last]


@lru_cache(maxsize=1)
def _regions() -> dict[str, Region]:
    content = files(__package__).joinpath("regions.csv").read_text(encoding="utf-8")
    names = {row["code"]: row["name"] for row in csv.DictReader(content.splitlines())}
    return {code: Region(code, name, _full_name(code, names)) for code, name in names.items()}


def _full_name(code: str, names: dict[str, str]) -> str:
    levels = dict.fromkeys((code[:2] + "0000", code[:4] + "00", code))
    parts = [names[level] for level in levels if level in names]
    return "".join(part for part in parts if part not in _EMPTY_NAMES) or names[code]


@lru_cache(maxsize=1)
def _words() -> tuple[Sequence[str], Sequence[str]]:
    """Return the words of all regions in their order, and beside them the code each is of."""
    found = sorted(
        (word, region.code)
        for region in _regions().values()
        if region.name not in _EMPTY_NAMES
        for word in set(terms_of(region.name, region.code))
    )
    return [word for word, _code in found], [code for _word, code in found]


@lru_cache(maxsize=1)
def _all_names() -> str:
    return "\n".join(name for region in _regions().values() for name in (region.name, region.full_name))
