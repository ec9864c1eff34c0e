"""WHOLE: every test that tries a share each time, with all there is of it (decision 0148)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.soak.figure import Figure

ROOT: Final = Path(__file__).parents[2]
SIGNS: Final = ("tests.support.shares import", '"--whole"')
GOOD: Final = (0, 5)  # passed; or nothing of the file can run on this machine


def list_files() -> list[str]:
    """Return the test files in which something is tried a share of, by their source."""
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if any(sign in path.read_text(encoding="utf-8") for sign in SIGNS)
    ]


def whole_files() -> Iterator[Figure]:
    """WHOLE: one file after the other."""
    files, good = list_files(), 0
    for file in files:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-q", "--whole", file],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        good += done.returncode in GOOD
        print(f"    {file}: {'good' if done.returncode in GOOD else 'FAILED'}", flush=True)
        if done.returncode not in GOOD:
            print(done.stdout.decode(errors="replace")[-3000:])
    yield Figure("WHOLE", good == len(files), f"{good} of {len(files)} files of tests", "all of them")
