"""`make bench`: measure, print a table, write benchmarks/latest.json.

`python -m benchmarks [--rows N] [--rounds N] [--many N] [--customers N]`. Beside it stand `benchmarks.imports`,
`benchmarks.search`, `benchmarks.ten_years` and `benchmarks.peers`, each a program of its own. The machine is shared and
noisy: only the ratios of one run mean anything.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import branches, costs, finding, log_pages, product, steps, sync
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory

GOALS: Final = {
    "first_load_postgres_vs_limit": 0.55,
    "updates_postgres_vs_limit": 0.55,
    "first_load_sqlite_vs_limit": 0.40,
    "updates_sqlite_vs_limit": 0.65,
    "first_load_vs_usual_orm": 8,
    "updates_vs_logical_replication": 1.5,
    "work_log_vs_logical_replication": 0.7,
}
COST_GOALS: Final = {
    "writes_captured_vs_not": 1.5,
    "wire_vs_keyed_json": 0.2,
    "idle_cycle_requests": 2,
    "idle_cycle_cpu_ms_of_both_sides": 20,
    "cycle_among_many_vs_few": 1.3,
}
LOG_GOALS: Final = {"log_counts_sqlite_vs_plain": 0.6, "log_counts_postgresql_vs_plain": 1.2}
TOGETHER_GOALS: Final = {
    "total_of_16_vs_2": 0.95,
    "slowest_of_16_vs_median": 2,
    "hq_mb_during_8_first_loads": 600,
    "branch_mb_idle": 150,
}
SMALL: Final = 10_000
LOG_ENTRIES: Final = 200_000
# Times the rows of one first load are delivered at once: with few each, the fixed cost of first cycles is measured.
ROWS_TOGETHER: Final = 4
# Rounds of each page: fewer, and its p95 is its slowest.
ASKED: Final = 40
LATEST: Final = Path(__file__).with_name("latest.json")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=60_000, help="customers of a first load; updates are half"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="runs of each contender; figures are of medians"
    )
    parser.add_argument(
        "--many", type=int, default=500_000, help="rows around the few changes; 0 leaves it out"
    )
    parser.add_argument(
        "--customers", type=int, default=200_000, help="customers among whom a branch finds; 0 leaves it out"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid(), durable=True)
    try:
        report = measure(folder, DatabaseFactory(run, folder), options)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)
    LATEST.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {LATEST.relative_to(Path.cwd())}" if LATEST.is_relative_to(Path.cwd()) else LATEST)


def measure(folder: Path, factory: DatabaseFactory, options: argparse.Namespace) -> dict[str, Any]:
    """Measure and print part after part; return all figures."""
    print(f"{options.rows:,} customers, {options.rounds} rounds, one process, databases on {folder.parent}")
    ready = {d: product.make_ready(folder / d, factory, d, options.rows) for d in DIALECTS}
    meter = sync.measure(ready, factory, rounds=options.rounds)
    rates, cpu_rates = meter.rates(), meter.cpu_rates()
    figures = {name: round(value, 3) for name, value in sync.ratios(rates).items()}
    by_cpu = {name: round(value, 3) for name, value in sync.ratios(cpu_rates).items()}
    show("rows a second", rates, "{:,.0f}")
    show("rows a second of CPU, the database server's included", cpu_rates, "{:,.0f}")
    show("ratios by CPU: what the clock would say if nothing ran side by side", by_cpu, "{:.2f}")
    show("ratios by the clock", figures, "{:.2f}", GOALS)
    by_step = {dialect: steps.measure(ready[dialect], factory) for dialect in DIALECTS}
    for dialect, taken in by_step.items():
        show(f"microseconds a row of a first load, {dialect}", taken, "{:.2f}")
    http = http_rates(ready, factory)
    show("rows a second of a first load over waitress on loopback", http, "{:,.0f}")
    keeping = measure_costs(folder, factory, options.many)
    show("what keeping in step costs (SQLite)", keeping, "{:,.2f}", COST_GOALS)
    together = branches.measure(folder / "branches", factory, options.rows * ROWS_TOGETHER)
    show("branches at once (PostgreSQL), and memory", together, "{:,.2f}", TOGETHER_GOALS)
    found = {
        dialect: finding.measure(
            dialect, factory.create(dialect), folder / f"finding-{dialect}", options.customers, ASKED
        )
        for dialect in (DIALECTS if options.customers else ())
    }
    counted = log_pages.against_plain(folder / "log", factory, LOG_ENTRIES)
    show(f"counting {LOG_ENTRIES:,} log entries, CPU against a plain GROUP BY", counted, "{:,.2f}", LOG_GOALS)
    return {
        "branches": together,
        "log_counts": counted,
        "finding_p95_cpu_ms": found,
        "figures": figures,
        "figures_by_cpu": by_cpu,
        "rows_per_cpu_second": cpu_rates,
        "rows_per_second": {**rates, **{f"waitress_{name}": rate for name, rate in http.items()}},
        "microseconds_a_row": by_step,
        "costs": keeping,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
    }


def http_rates(ready: dict[str, product.Ready], factory: DatabaseFactory) -> dict[str, float]:
    """Return rows a second over a real web server, in a thread of this process."""
    return {dialect: sync.over_http(one, factory) for dialect, one in ready.items()}


def measure_costs(folder: Path, factory: DatabaseFactory, many: int) -> dict[str, float]:
    """Return what keeping in step costs a branch."""
    ready = product.make_ready(folder / "small", factory, "sqlite", SMALL)
    sent, keyed = costs.wire(ready, factory)
    requests, cpu_ms = costs.idle(ready, factory)
    result = {
        "writes_captured_vs_not": costs.capture(ready, factory),
        "wire_bytes_a_changed_row": sent,
        "keyed_json_bytes_a_row": keyed,
        "wire_vs_keyed_json": sent / keyed,
        "idle_cycle_requests": requests,
        "idle_cycle_cpu_ms_of_both_sides": cpu_ms,
    }
    if many:
        few, among_many = costs.few_among(ready, factory, many)
        result |= {
            f"cycle_of_1000_among_{SMALL}_s": few.cycle,
            f"cycle_of_1000_among_{many}_s": among_many.cycle,
            "cycle_among_many_vs_few": among_many.cycle / few.cycle,
            # The same rows read and changed by id: more of them lie on pages of their own, whoever does it.
            "databases_alone_among_many_vs_few": among_many.databases / few.databases,
        }
    return result


def show(
    title: str, figures: Mapping[str, float], form: str, goals: Mapping[str, float] | None = None
) -> None:
    """Print one table."""
    print(f"\n{title}")
    for name, figure in figures.items():
        goal = (goals or {}).get(name)
        print(f"  {name:<44}{form.format(figure):>12}" + (f"   goal {goal:g}" if goal else ""), flush=True)


if __name__ == "__main__":
    main()
