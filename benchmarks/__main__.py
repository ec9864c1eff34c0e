"""`make bench`: measure, print a table, write benchmarks/latest.json.

`python -m benchmarks [--rows N] [--rounds N]`. The machine is shared and noisy: only the ratios
of one run mean anything.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import sync
from tests.support import postgres
from tests.support.databases import DatabaseFactory

GOALS: Final = {
    "first_load_postgres_vs_limit": 0.55,
    "updates_postgres_vs_limit": 0.55,
    "first_load_sqlite_vs_limit": 0.40,
    "updates_sqlite_vs_limit": 0.65,
    "first_load_vs_usual_orm": 8,
}
LATEST: Final = Path(__file__).with_name("latest.json")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid(), durable=True)
    try:
        factory = DatabaseFactory(run, folder)
        rates = sync.measure(folder, factory, rows=options.rows, rounds=options.rounds)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)
    figures = {name: round(value, 3) for name, value in sync.ratios(rates).items()}
    for name, rate in rates.items():
        print(f"{name:40}{rate:>12,.0f} rows/s")
    for name, figure in figures.items():
        print(f"{name:40}{figure:>12} (goal {GOALS[name]})")
    LATEST.write_text(json.dumps({"figures": figures, "rows_per_second": rates}, indent=2) + "\n")


if __name__ == "__main__":
    main()
