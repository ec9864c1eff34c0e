"""How the log stood when it was checked last: the line on its page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared.jobs.jobs import CHECK_LOG
from shared.jobs.queries import runs
from shared.jobs.vocabulary import RunOutcome


@dataclass(frozen=True, slots=True)
class LogStanding:
    """What the nightly check found: through which entry the log held, and which was the first bad one, if any."""

    checked_at: datetime
    through: int
    first_bad: int | None


def last_standing(session: Session) -> LogStanding | None:
    """Return what the last check that came to its end found; None before there was one."""
    run = session.scalars(runs(job=CHECK_LOG.name, outcome=RunOutcome.DONE).limit(1)).first()
    if run is None:
        return None
    bad = run.counts.get("bad", 0)
    entries = int(run.counts.get("entries", 0))
    # A run of before did not tell which entry: it is the one after those that held.
    first_bad = int(run.counts.get("first_bad", entries + 1)) if bad else None
    return LogStanding(run.started_at, entries, first_bad)
