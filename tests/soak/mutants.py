"""S5: changes that mutmut makes to the sync, the policy and the operation log; the tests must notice them.

What is changed and by which tests it is judged stands in pyproject.toml (`tool.mutmut`). To try all of them takes
days, so some are drawn; the same `seed` draws the same ones for as long as the code is the same.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from mutmut.stats import status_by_exit_code

from tests.soak.figure import Figure

ROOT: Final = Path(__file__).parents[2]
WANTED: Final = 0.85
LOG: Final = ROOT / "mutants" / "run.log"
NOTHING: Final = "nothing"
UNTRIED: Final = "not checked"
LOOKING_S: Final = 5.0
# Noticed by an error of any kind, by never coming to an end, or by mypy.
REFUSED: Final = "caught by type check"
NOTICED: Final = ("killed", "timeout", "segfault", "suspicious", REFUSED)


def mutation_score(count: int, seed: int, minutes: float) -> Iterator[Figure]:
    """S5: draw `count` changes, print each that no test notices, and judge by those tried when `minutes` are over."""
    # There is nothing of this name to run: it makes the changed code, and finds out which test calls what.
    _finish(_start("run", NOTHING))
    names = sorted(_states())
    drawn = random.Random(seed).sample(names, min(count, len(names)))
    until = time.monotonic() + minutes * 60
    running = _start("run", "--max-children", "1", *drawn)
    tried: dict[str, str] = {}
    while running.poll() is None and time.monotonic() < until:
        time.sleep(LOOKING_S)
        tried |= _tell_new(drawn, tried)
    in_time = running.poll() is not None
    if not in_time:
        running.terminate()
    _finish(running, check=in_time)
    tried |= _tell_new(drawn, tried)
    noticed = sum(state in NOTICED for state in tried.values())
    refused = sum(state == REFUSED for state in tried.values())
    share = noticed / max(1, len(tried))
    how = ", ".join(f"{times} {state}" for state, times in Counter(tried.values()).items())
    measured = (
        f"{share:.0%} of {len(tried)} of {count} drawn from {len(names)} changes noticed ({how}); by the tests alone"
        f" {noticed - refused} of the {len(tried) - refused} that mypy lets pass"
    )
    holds = share >= WANTED and len(tried) == len(drawn)
    yield Figure("S5", holds, measured, f"{WANTED:.0%} of the changes noticed")


def _tell_new(drawn: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Return how the drawn changes stand that have been tried since; print those that no test noticed."""
    states = _states()
    new = {name: states[name] for name in drawn if name not in known and states[name] != UNTRIED}
    for name, state in new.items():
        if state not in NOTICED:
            print(f"    {state}: {name}", flush=True)
    return new


def _start(*arguments: str) -> "subprocess.Popen[str]":
    """Start mutmut; what comes of it stands in its files."""
    inherited = os.environ  # noqa: TID251  (it starts mypy by name, which is beside this Python)
    beside = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), inherited["PATH"]))}
    command = [sys.executable, "-m", "mutmut", *arguments]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as told:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT, text=True, env=inherited | beside
        )


def _finish(running: "subprocess.Popen[str]", *, check: bool = False) -> None:
    """Wait for mutmut; when it had to come to its end well, say what it said last and raise CalledProcessError."""
    code = running.wait()
    if check and code:
        print(LOG.read_text(encoding="utf-8", errors="replace")[-2_000:])
        raise subprocess.CalledProcessError(code, "mutmut")


def _states() -> dict[str, str]:
    """Return how each change stands, by its name."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "mutants").rglob("*.meta")):
        told = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: status_by_exit_code[code] for name, code in told.items()}
    return found
