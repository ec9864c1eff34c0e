"""S3: kill -9 and power cuts by the hundred, on real processes and a real disk, and how soon a node serves again."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.soak.figure import Figure
from tests.support.processes import LOOPBACK, answers, free_port, start
from tests.system import test_kill, test_power_cut

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ("tests/system/test_kill.py", "tests/system/test_power_cut.py")
# Kills on either database of either node, cuts of either node: what one turn of the tests comes to.
KILLS: Final = 4 * test_kill.MANY_KILLS
CUTS: Final = 2 * test_power_cut.MANY_CUTS
NODES: Final = {"hq-server": "hq_server", "branch-node": "branch_node"}
RESTARTS: Final = 50
SERVING_WITHIN_S: Final = 3.0
LOOK_S: Final = 0.01


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
    yield from _restarts()


def _restarts() -> Iterator[Figure]:
    """Kill each node and start it anew, as an operating system does, until it answers."""
    with tempfile.TemporaryDirectory(prefix="branchline-soak-") as name:
        folder = Path(name)
        for program, module in NODES.items():
            home = folder / program
            start(program, "init", "--home", str(home), folder=folder).succeed()
            taken = sorted(_restart(module, home) for _ in range(RESTARTS))
            worst = taken[int(len(taken) * 0.99)]
            measured = f"{program} killed and started {RESTARTS} times: serving after {worst:.2f} s (p99)"
            yield Figure("S3", worst < SERVING_WITHIN_S, measured, "restart to serving p99 under 3 s")


def _restart(module: str, home: Path) -> float:
    """Start a node, kill it once it answers, and return how long that took, in seconds."""
    port = free_port()
    words = ["serve", "--home", str(home), "--host", LOOPBACK, "--port", str(port)]
    started = time.monotonic()
    node = subprocess.Popen(
        [sys.executable, "-m", module, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not answers(port):
        assert node.poll() is None, "it ended by itself"
        time.sleep(LOOK_S)
    taken = time.monotonic() - started
    node.send_signal(signal.SIGKILL)
    node.wait()
    return taken
