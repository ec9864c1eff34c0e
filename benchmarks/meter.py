"""Taking the time and the CPU of runs; on a busy machine the CPU tells more than the clock."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


class Meter:
    """Collects what runs took, by name: CPU is this process's and its database server's together."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._cpu: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def run(self, name: str, rows: int) -> Iterator[None]:
        """Measure a run of `rows` rows."""
        cpu, started = _cpu_seconds(), time.perf_counter()
        yield
        self._seconds[name].append((time.perf_counter() - started) / rows)
        self._cpu[name].append((_cpu_seconds() - cpu) / rows)

    def rates(self) -> dict[str, float]:
        """Return rows a second by name, medians of the runs."""
        return {name: 1 / statistics.median(taken) for name, taken in self._seconds.items()}

    def cpu_rates(self) -> dict[str, float]:
        """Return rows a second of CPU by name, medians of the runs."""
        return {name: 1 / statistics.median(taken) for name, taken in self._cpu.items()}


def _cpu_seconds() -> float:
    total = time.process_time()
    # The PostgreSQL server is a child of a child; one that is not ours (TEST_PG_URL) cannot be watched.
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total
