"""Taking the time and the CPU of runs; on a busy machine the CPU tells more than the clock."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
from sqlalchemy import text

from shared.db.engine import Database


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


@dataclass(slots=True)
class Cost:
    """What one run took."""

    cpu_ms: float = 0.0
    clock_ms: float = 0.0


class Watch:
    """Takes the CPU of this process and of the server of one database, whoever started that server."""

    def __init__(self, database: Database) -> None:
        """Find the server's first process; an SQLite database has none."""
        self._server: psutil.Process | None = None
        if database.dialect == "postgresql":
            with database.engine.connect() as connection:
                backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            self._server = psutil.Process(backend).parent()

    @contextmanager
    def run(self) -> Iterator[Cost]:
        """Measure a run; the figures are filled in at its end."""
        cost = Cost()
        cpu, started = self._cpu(), time.perf_counter()
        yield cost
        cost.clock_ms = (time.perf_counter() - started) * 1000
        cost.cpu_ms = (self._cpu() - cpu) * 1000

    def _cpu(self) -> float:
        total = time.process_time()
        if self._server is None:
            return total
        # Workers that have ended are counted by their parent.
        own = self._server.cpu_times()
        total += own.user + own.system + own.children_user + own.children_system
        for child in self._server.children():
            with suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system
        return total
