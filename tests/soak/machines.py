"""S3: kill -9 and power cuts by the hundred, on real processes and a real disk."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.soak.figure import Figure
from tests.system import test_kill, test_power_cut

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ("tests/system/test_kill.py", "tests/system/test_power_cut.py")
# Kills on either database of either node, cuts of either node: what one turn of the tests comes to.
KILLS: Final = 4 * test_kill.MANY_KILLS
CUTS: Final = 2 * test_power_cut.CUTS


def kills_and_cuts(turns: int) -> Iterator[Figure]:
    """S3: the tests of both, over and over."""
    good = 0
    for turn in range(turns):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-q", "--whole", *TESTS],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        good += done.returncode == 0
        print(f"    turn {turn + 1} of {turns}: {'good' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode:
            print(done.stdout.decode()[-3000:])
    measured = f"{good * KILLS} kills and {good * CUTS} power cuts in {good} of {turns} good turns"
    yield Figure("S3", good == turns, measured, "2,000 kills and 500 power cuts, nothing acknowledged lost")
