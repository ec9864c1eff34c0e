"""What takes too long for every check: `python -m tests.simulation.soak`, called by `make soak`."""

import logging
import sys
from collections import Counter
from itertools import count, takewhile

from branch_node.torture.campaign import campaign, opened_stage
from branch_node.torture.faults import disk_error, killed
from tests.simulation.failing_io import BrokenCycle

SIDES = ("branch", "hq")
HOWS = {"error": disk_error, "kill": killed}


def main(runs: int) -> int:
    """Break a cycle at every call and message, then carry out `runs` seeded runs; return how much was wrong."""
    logging.disable(logging.CRITICAL)
    with opened_stage() as stage:
        broken = BrokenCycle(stage)
        for side in SIDES:
            for name, how in HOWS.items():
                calls = sum(1 for _ in takewhile(lambda n: broken.fail_call(side, n, how), count(1)))  # noqa: B023
                print(
                    f"{name} at each of {calls} database calls of {side}: the next cycle made up for it",
                    flush=True,
                )
        for delivered in (False, True):
            sent = sum(1 for _ in takewhile(lambda n: broken.fail_message(n, delivered=delivered), count(1)))  # noqa: B023
            print(
                f"{'answer' if delivered else 'request'} lost at each of {sent} messages: made up for",
                flush=True,
            )
    done: Counter[str] = Counter()

    def heed(verdict) -> None:
        done["runs"] += 1
        done["faults"] += verdict.faults.total()
        if not verdict.good:
            print(f"seed {verdict.seed}: {dict(+verdict.found)}", flush=True)
        if done["runs"] % 100 == 0:
            print(dict(done), flush=True)

    outcome = campaign(1, runs, heed)
    print(outcome.document())
    return len(outcome.failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000) > 0)
