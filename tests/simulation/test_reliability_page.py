"""docs/reliability.md names tests; each of them is there, and every trap and fault has its line."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINE = re.compile(r"^\| ([TF]\d+) \|", re.MULTILINE)
TRAPS, FAULTS = 28, 32


@cache
def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_the_page_names_is_there() -> None:
    named = NAMED.findall(PAGE.read_text())
    assert len(named) > 60
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or name not in functions_in(path)
    ]
    assert missing == []


def test_every_trap_and_every_fault_has_one_line() -> None:
    expected = [f"T{number}" for number in range(1, TRAPS + 1)] + [
        f"F{number}" for number in range(1, FAULTS + 1)
    ]
    assert LINE.findall(PAGE.read_text()) == expected


def test_a_line_without_a_test_says_that_there_is_none() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if LINE.match(line)]
    silent = [
        line for line in lines if not NAMED.search(line) and "not built" not in line and "not run" not in line
    ]
    assert silent == []
