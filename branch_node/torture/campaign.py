"""Many runs, and what they came to."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from branch_node.torture.ledger import FAILINGS
from branch_node.torture.run import Verdict, run
from branch_node.torture.stage import Stage
from branch_node.torture.stores import PostgresStores


@dataclass
class Outcome:
    """What a campaign came to; `failed` are the runs in which something was wrong."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    failed: list[Verdict] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was wrong in any run."""
        return not self.failed

    def document(self) -> dict[str, Any]:
        """Return the outcome as `torture --json` prints it."""
        return {
            "runs": self.runs,
            "faults": self.faults.total(),
            **{failing: self.found[failing] for failing in FAILINGS},
            "kinds": dict(sorted(self.faults.items())),
            "failed_seeds": [verdict.seed for verdict in self.failed],
        }


@contextmanager
def opened_stage(server: str | None = None, *, receivers: int = 1) -> Iterator[Stage]:
    """Set up a company in a folder of its own, gone afterwards.

    With two `receivers` there is a regional office beside head office. With `server`, the URL of a PostgreSQL
    server, its data is in databases made there and dropped again.
    """
    with tempfile.TemporaryDirectory(prefix="branchline-torture-") as folder:
        stage = Stage(Path(folder), PostgresStores(server) if server else None, receivers=receivers)
        try:
            yield stage
        finally:
            stage.close()


def campaign(
    seed: int,
    runs: int,
    heed: Callable[[Verdict], object],
    *,
    server: str | None = None,
    receivers: int = 1,
) -> Outcome:
    """Carry out runs from `seed` on, one seed after the other, and tell each verdict to `heed`.

    On SQLite, or on the PostgreSQL server at URL `server`.
    """
    outcome = Outcome()
    with opened_stage(server, receivers=receivers) as stage:
        for number in range(seed, seed + runs):
            verdict = run(stage, number)
            outcome.runs += 1
            outcome.faults += verdict.faults
            outcome.found += verdict.found
            if not verdict.good:
                outcome.failed.append(verdict)
            heed(verdict)
    return outcome
