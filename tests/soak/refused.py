"""Which of mutmut's changes mypy refuses: `make check` would not let them land, so no test need notice them.

mutmut can ask mypy itself, but takes longer to find out which change a line belongs to than to try the changes.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

# Of what pyproject.toml asks of mypy, what can be asked of copies of a function that stand beside each other: they
# define attributes twice, their types go round in circles, and mutmut's own comments ignore too much.
STRICTLY: Final = (
    "--config-file=", "--strict", "--warn-unreachable", "--ignore-missing-imports", "--explicit-package-bases",
    "--no-warn-unused-ignores", "--enable-error-code=redundant-expr", "--enable-error-code=truthy-bool",
    "--enable-error-code=possibly-undefined", "--disable-error-code=no-redef", "--disable-error-code=has-type",
)  # fmt: skip


def find_refused(folder: Path, changed: list[str]) -> set[str]:
    """Return the names, as mutmut gives them, of the changes in `folder` that mypy refuses; `changed` are its files."""
    command = [sys.executable, "-m", "mypy", "-O", "json", *STRICTLY, *changed]
    told = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True).stdout
    errors = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    lines = sorted({(one["file"], one["line"]) for one in errors if one["severity"] == "error"})
    return {
        f"{file.removesuffix('.py').replace('/', '.')}.{name}"
        for file, found in groupby(lines, key=lambda line: line[0])
        for name in _changes_at(folder / file, {number for _file, number in found})
    }


def _changes_at(file: Path, numbers: set[int]) -> Iterator[str]:
    """Yield the changed copies of functions that have one of the lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name:
            has = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if not numbers.isdisjoint(has):
                yield node.name
