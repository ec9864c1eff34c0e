"""`make soak`: measure the figures of docs/reliability.md that take too long for every check."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tests.soak import asked, herd, machines, mutants, shares, simulation, worlds
from tests.soak.figure import Figure


def main() -> int:
    """Measure the figures asked for, one line each; return how many did not hold."""
    options = _parse()
    logging.disable(logging.CRITICAL)  # what goes wrong is what this is about
    measures: dict[str, Callable[[], Iterator[Figure]]] = {
        "S1": partial(simulation.seeded_runs, options.runs, options.workers, options.seed, options.receivers),
        "S2": simulation.broken_calls,
        "S3": partial(machines.kills_and_cuts, options.turns),
        "S4": partial(asked.nonsense, options.requests),
        "S5": partial(mutants.mutation_score, options.mutants, options.seed, options.minutes),
        "S6": partial(herd.herd, options.branches, options.rows, options.slots),
        "S7": worlds.restored_head_office,
        "S10": worlds.thin_line,
        "S14": asked.stored_scripts,
        "S18": worlds.rehearsed_restore,
        "ALARMS": partial(worlds.no_false_alarms, options.cycles),
        "WHOLE": shares.whole_files,
    }
    missed = 0
    for name in options.figures or measures:
        for figure in measures[name]():
            print(figure.line(), flush=True)
            missed += not figure.holds
    return missed


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="S1, S2 ...; all when none is named")
    parser.add_argument("--runs", type=int, default=10_000, help="seeded runs of S1")
    parser.add_argument("--seed", type=int, default=1, help="the first seed of S1; what S5 draws")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of S1")
    parser.add_argument("--receivers", type=int, choices=(1, 2), default=1, help="receivers of S1")
    parser.add_argument("--turns", type=int, default=20, help="turns of S3")
    parser.add_argument("--requests", type=int, default=100_000, help="requests of S4")
    parser.add_argument("--mutants", type=int, default=300, help="changes of S5, drawn by --seed")
    parser.add_argument(
        "--minutes", type=float, default=1_440, help="after which S5 judges by what it has tried"
    )
    parser.add_argument("--cycles", type=int, default=10_000, help="cycles of ALARMS")
    parser.add_argument("--branches", type=int, default=50, help="branches of S6")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of each branch of S6")
    parser.add_argument("--slots", type=int, help="head office's intake_slots in S6")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main() > 0)
