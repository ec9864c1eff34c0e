"""S1 and S2: seeded runs by the thousand, and a cycle broken at each of its calls."""

import gc
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, takewhile
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from branch_node.torture.campaign import campaign, opened_stage
from branch_node.torture.faults import disk_error, killed
from branch_node.torture.run import Verdict
from tests.simulation.failing_io import BrokenCycle
from tests.soak.figure import Figure
from tests.support import postgres
from tests.support.databases import DIALECTS
from tests.support.postgres import TestRun

SIDES: Final = ("branch", "hq")
HOWS: Final = {"error": disk_error, "kill": killed}
# Runs one worker carries out before it tells what came of them.
SHARE: Final = 50
# New objects between two looks for garbage: Python's own 700 take a seventh of the time of a run.
GARBAGE: Final = 50_000


def seeded_runs(runs: int, workers: int, first: int, receivers: int) -> Iterator[Figure]:
    """S1: `runs` runs from seed `first` on, parted over `workers` processes; with that many `receivers`."""
    found: Counter[str] = Counter()
    faults, failed, done = 0, 0, 0
    shares = [(seed, min(SHARE, first + runs - seed)) for seed in range(first, first + runs, SHARE)]
    with get_context("spawn").Pool(workers, _begin) as pool:
        for ran, struck, wrong in pool.imap_unordered(partial(_share, receivers=receivers), shares):
            done, faults, failed = done + ran, faults + struck, failed + len(wrong)
            for seed, findings in wrong:
                print(f"    seed {seed}: {findings}", flush=True)
                found.update(findings)
            if done % 500 < SHARE:
                print(f"    {done} runs, {faults} faults, {failed} failing", flush=True)
    measured = f"{done} runs, {faults} faults, {failed} failing {dict(found) or ''}"
    yield Figure("S1", failed == 0, measured, "10,000 runs, 100,000 faults, none lost, doubled, stale or off")


def _begin() -> None:
    logging.disable(logging.CRITICAL)
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _share(share: tuple[int, int], *, receivers: int) -> tuple[int, int, list[tuple[int, dict[str, int]]]]:
    wrong: list[tuple[int, dict[str, int]]] = []

    def heed(verdict: Verdict) -> None:
        if not verdict.good:
            wrong.append((verdict.seed, dict(+verdict.found)))

    outcome = campaign(*share, heed, receivers=receivers)
    return outcome.runs, outcome.faults.total(), wrong


def broken_calls() -> Iterator[Figure]:
    """S2: the Nth database call fails, the Nth message is lost, N = 1, 2, ... until a cycle passes untouched."""
    for dialect in DIALECTS:
        with server_of(dialect) as server:
            yield _broken_on(dialect, server)


def _broken_on(dialect: str, server: str | None) -> Figure:
    told = []
    with opened_stage(server) as stage:
        broken = BrokenCycle(stage)
        for side in SIDES:
            for name, how in HOWS.items():
                calls = sum(1 for _ in takewhile(lambda n: broken.fail_call(side, n, how), count(1)))  # noqa: B023
                told.append(f"{name} at each of {calls} calls of {side}")
                print(f"    {told[-1]}", flush=True)
        for delivered in (False, True):
            sent = sum(1 for _ in takewhile(lambda n: broken.fail_message(n, delivered=delivered), count(1)))  # noqa: B023
            told.append(f"{'answer' if delivered else 'request'} lost at each of {sent} messages")
    measured = f"{dialect}: {'; '.join(told)}"
    return Figure("S2", holds=True, measured=measured, wanted="every one made up for by the next cycle")


@contextmanager
def server_of(dialect: str) -> Iterator[str | None]:
    """Start a PostgreSQL server where one is needed; give its URL."""
    if dialect == "sqlite":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="branchline-soak-") as folder:
        run = TestRun(Path(folder), os.getpid())
        try:
            yield postgres.server_url(run).render_as_string(hide_password=False)
        finally:
            postgres.stop(run)
