"""S5: changes that mutmut makes to the sync, the policy and the operation log; the tests must notice them.

What is changed and by which tests it is judged stands in pyproject.toml (`tool.mutmut`). To try all of them takes
days, so some are drawn; the same `seed` draws the same ones for as long as the code is the same.
"""

import json
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
from tests.soak.refused import find_refused

ROOT: Final = Path(__file__).parents[2]
WANTED: Final = 0.85
CHANGED: Final = ROOT / "mutants"
LOG: Final = CHANGED / "run.log"
NOTHING: Final = "nothing"
UNTRIED: Final = "not checked"
LOOKING_S: Final = 5.0
# Noticed by an error of any kind, or by never coming to an end.
NOTICED: Final = ("killed", "timeout", "segfault", "suspicious")


def mutation_score(count: int, seed: int, minutes: float) -> Iterator[Figure]:
    """S5: draw `count` changes, print each that nothing notices, and judge by those tried when `minutes` are over."""
    # There is nothing of this name to run: it makes the changed code, and finds out which test calls what.
    _finish(_start("run", NOTHING))
    names = sorted(_states())
    drawn = random.Random(seed).sample(names, min(count, len(names)))
    refused = find_refused(CHANGED, sorted(_codes())).intersection(drawn)
    tried = _try([name for name in drawn if name not in refused], until=time.monotonic() + minutes * 60)
    noticed = sum(state in NOTICED for state in tried.values())
    judged = len(tried) + len(refused)
    share = (noticed + len(refused)) / judged
    how = ", ".join(f"{times} {state}" for state, times in Counter(tried.values()).items())
    measured = (
        f"{share:.0%} of {judged} of {count} drawn from {len(names)} changes noticed: {len(refused)} refused by mypy,"
        f" {noticed} of {len(tried)} others by the tests ({how})"
    )
    yield Figure(
        "S5", share >= WANTED and judged == len(drawn), measured, f"{WANTED:.0%} of the changes noticed"
    )


def _try(drawn: Sequence[str], *, until: float) -> dict[str, str]:
    """Return how the drawn changes stand that were tried `until` then, on the monotonic clock."""
    running = _start("run", "--max-children", "1", *drawn)
    tried: dict[str, str] = {}
    while running.poll() is None and time.monotonic() < until:
        time.sleep(LOOKING_S)
        tried |= _tell_new(drawn, tried)
    in_time = running.poll() is not None
    if not in_time:
        running.terminate()
    _finish(running, check=in_time)
    return tried | _tell_new(drawn, tried)


def _tell_new(drawn: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Return how the drawn changes stand that have been tried since; print those that no test noticed."""
    try:
        states = _states()
    except json.JSONDecodeError:  # mutmut is writing it
        return {}
    new = {name: states[name] for name in drawn if name not in known and states[name] != UNTRIED}
    for name, state in new.items():
        if state not in NOTICED:
            print(f"    {state}: {name}", flush=True)
    return new


def _start(*arguments: str) -> "subprocess.Popen[str]":
    """Start mutmut; what comes of it stands in its files."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    CHANGED.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as told:
        return subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT, text=True)


def _finish(running: "subprocess.Popen[str]", *, check: bool = False) -> None:
    """Wait for mutmut; when it had to come to its end well, say what it said last and raise CalledProcessError."""
    code = running.wait()
    if check and code:
        print(LOG.read_text(encoding="utf-8", errors="replace")[-2_000:])
        raise subprocess.CalledProcessError(code, "mutmut")


def _states() -> dict[str, str]:
    """Return how each change stands, by its name."""
    return {name: status_by_exit_code[code] for codes in _codes().values() for name, code in codes.items()}


def _codes() -> dict[str, dict[str, int | None]]:
    """Return what came of each change, by the file it is in and its name."""
    told = {
        str(meta.relative_to(CHANGED).with_suffix("")): json.loads(meta.read_text(encoding="utf-8"))
        for meta in CHANGED.rglob("*.meta")
    }
    return {file: one["exit_code_by_key"] for file, one in told.items() if one["exit_code_by_key"]}
