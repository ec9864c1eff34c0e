"""S4 and S14: what pytest asks of every route and page a little of each time, asked whole and told as a figure."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from tests.soak.figure import Figure

FUZZ: Final = "tests/system/test_fuzz.py"
SCRIPTS: Final = "tests/browser/test_stored_scripts.py"
# Lines told of what went wrong: it took an hour to find, and is not to be looked for again.
MOST_TOLD: Final = 20


def nonsense(requests: int) -> Iterator[Figure]:
    """Send so many requests of nonsense to every route of both tiers."""
    wanted = "no error of ours, nothing over 1 s of the processor, no memory that stays taken"
    yield _tried("S4", f"{requests} requests", (FUZZ, "--fuzz", str(requests)), wanted)


def stored_scripts() -> Iterator[Figure]:
    """Look at every page of both tiers with scripts in every column, as everybody, on both databases."""
    yield _tried("S14", "every page", (SCRIPTS, "--whole"), "nothing stored runs, and no page fails")


def _tried(name: str, what: str, arguments: tuple[str, ...], wanted: str) -> Figure:
    since = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-q", "-rPfE", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    told = [line for line in lines if line.startswith((f"{name} ", "FAILED", "ERROR", "E  "))][:MOST_TOLD]
    measured = "; ".join([what, *told, *lines[-1:], f"{time.monotonic() - since:.0f} s"])
    return Figure(name, run.returncode == 0, measured, wanted)
