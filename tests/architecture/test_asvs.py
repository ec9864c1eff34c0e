"""docs/asvs.csv: what OWASP ASVS 5.0.0 asks for at levels 1 and 2, and the test that shows it of this product."""

import ast
import csv
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.sources import ROOT

# The numbers of levels 1 and 2 in each section of ASVS 5.0.0: 70 and 183 of them.
SECTIONS = {
    "1.1": "1-2",
    "1.2": "1-9",
    "1.3": "1-11",
    "1.4": "1-3",
    "1.5": "1-2",
    "2.1": "1-3",
    "2.2": "1-3",
    "2.3": "1-4",
    "2.4": "1",
    "3.2": "1-2",
    "3.3": "1-4",
    "3.4": "1-6",
    "3.5": "1-5",
    "3.7": "1-2",
    "4.1": "1-3",
    "4.2": "1",
    "4.3": "1-2",
    "4.4": "1-4",
    "5.1": "1",
    "5.2": "1-3",
    "5.3": "1-2",
    "5.4": "1-3",
    "6.1": "1-3",
    "6.2": "1-12",
    "6.3": "1-4",
    "6.4": "1-4",
    "6.5": "1-5",
    "6.6": "1-3",
    "6.8": "1-4",
    "7.1": "1-3",
    "7.2": "1-4",
    "7.3": "1-2",
    "7.4": "1-5",
    "7.5": "1-2",
    "7.6": "1-2",
    "8.1": "1-2",
    "8.2": "1-3",
    "8.3": "1",
    "8.4": "1",
    "9.1": "1-3",
    "9.2": "1-4",
    "10.1": "1-2",
    "10.2": "1-2",
    "10.3": "1-4",
    "10.4": "1-11",
    "10.5": "1-5",
    "10.6": "1-2",
    "10.7": "1-3",
    "11.1": "1-2",
    "11.2": "1-3",
    "11.3": "1-3",
    "11.4": "1-4",
    "11.5": "1",
    "11.6": "1",
    "12.1": "1-3",
    "12.2": "1-2",
    "12.3": "1-4",
    "13.1": "1",
    "13.2": "1-5",
    "13.3": "1-2",
    "13.4": "1-5",
    "14.1": "1-2",
    "14.2": "1-4",
    "14.3": "1-3",
    "15.1": "1-3",
    "15.2": "1-3",
    "15.3": "1-7",
    "16.1": "1",
    "16.2": "1-5",
    "16.3": "1-4",
    "16.4": "1-3",
    "16.5": "1-3",
    "17.1": "1",
    "17.2": "1-4",
    "17.3": "1-2",
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (ROOT / "docs" / "asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_requirement_of_levels_1_and_2_has_one_row(rows):
    wanted = list(_ids())
    assert len(wanted) == 253
    assert [row["id"] for row in rows] == wanted


def test_what_applies_is_shown_by_a_test_or_says_why_not_and_what_does_not_says_why(rows):
    assert {row["applies"] for row in rows} == {"yes", "no"}
    silent = [
        row["id"] for row in rows if not row["reason"] and (row["applies"] == "no" or not row["shown by"])
    ]
    shown = [row["id"] for row in rows if row["applies"] == "no" and row["shown by"]]
    assert (silent, shown) == ([], [])


def test_every_test_that_is_named_is_there(rows):
    named = {one for row in rows for one in row["shown by"].split()}
    missing = [one for one in named if one.partition("::")[2] not in _functions(one.partition("::")[0])]
    assert len(named) > 100
    assert missing == []


def _ids() -> Iterator[str]:
    for section, numbers in SECTIONS.items():
        first, _to, last = numbers.partition("-")
        yield from (f"{section}.{number}" for number in range(int(first), int(last or first) + 1))


@cache
def _functions(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([], [])
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))
