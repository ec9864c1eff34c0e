"""S5: changes that mutmut makes to the sync, the policy and the operation log; the tests must notice them.

What is changed and by which tests it is judged stands in pyproject.toml (`tool.mutmut`). To try all of them takes
days, so some are drawn; the same `seed` draws the same ones for as long as the code is the same.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mutmut.stats import status_by_exit_code

from tests.soak.figure import Figure

ROOT: Final = Path(__file__).parents[2]
WANTED: Final = 0.85
NOTHING: Final = "nothing"
# Noticed by an error of any kind, or by never coming to an end.
NOTICED: Final = ("killed", "timeout", "segfault", "suspicious")


def mutation_score(count: int, seed: int) -> Iterator[Figure]:
    """S5: draw `count` changes and print a line for each that no test notices."""
    # There is nothing of this name to run: it makes the changed code, and finds out which test calls what.
    _mutmut("run", NOTHING, check=False)
    names = sorted(_states())
    drawn = random.Random(seed).sample(names, min(count, len(names)))
    _mutmut("run", "--max-children", "1", *drawn)
    states = _states()
    left = [name for name in drawn if states[name] not in NOTICED]
    for name in left:
        print(f"    {states[name]}: {name}", flush=True)
    share = 1 - len(left) / len(drawn)
    how = ", ".join(f"{times} {state}" for state, times in Counter(states[name] for name in drawn).items())
    measured = f"{share:.0%} of {len(drawn)} drawn from {len(names)} changes noticed: {how}"
    yield Figure("S5", share >= WANTED, measured, f"{WANTED:.0%} of the changes noticed")


def _mutmut(*arguments: str, check: bool = True) -> None:
    """Run mutmut; what came of it stands in its files."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if check and done.returncode:
        print(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        done.check_returncode()


def _states() -> dict[str, str]:
    """Return how each change stands, by its name."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "mutants").rglob("*.meta")):
        told = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: status_by_exit_code[code] for name, code in told.items()}
    return found
