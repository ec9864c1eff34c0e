"""Whether anybody runs the jobs of this node at all: asked by those who serve pages, for a job could not tell.

An alarm that no job looks for any more never comes, and silence would read as health. Whoever asks this node
anything finds out: a person, the other tier, a program that watches `/healthz/jobs`.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.queries import list_open_codes
from shared.jobs.alarms import JOBS_STOPPED
from shared.jobs.queries import find_stopped_since
from shared.runtime import NodeRuntime

SUBJECT: Final = ("node", "jobs")
EVERY: Final = timedelta(minutes=1)
# A node that just started, or whose clock was put forward, has jobs overdue: a runner begins them within seconds.
PATIENCE: Final = timedelta(minutes=5)


class JobsWatch:
    """Tells as an alarm that no job has been run although some are due; any number of processes may watch.

    It is raised when that was so at every look for PATIENCE, and cleared by the first look at which it is not.
    """

    def __init__(self, runtime: NodeRuntime) -> None:
        """Watch the jobs of a node, from the first `look` on."""
        self._runtime = runtime
        self._lock = Lock()
        self._looked_at: datetime | None = None
        self._stopped_at: datetime | None = None

    def look(self) -> None:
        """Find out how the jobs stand, at most once in EVERY."""
        now = self._runtime.clock.now()
        with self._lock:
            if self._looked_at is not None and timedelta(0) <= now - self._looked_at < EVERY:
                return
            self._looked_at = now
        with self._runtime.database.reads() as session:
            since = find_stopped_since(session, now=now)
            is_told = JOBS_STOPPED.code in list_open_codes(session, SUBJECT)
        if since is None:
            self._stopped_at = None
        elif self._stopped_at is None:
            self._stopped_at = now
        if is_told and since is None:
            with self._runtime.database.sessions.begin() as session:
                clear_alarm(session, JOBS_STOPPED, SUBJECT, at=now)
        elif since is not None and not is_told and now - (self._stopped_at or now) >= PATIENCE:
            with self._runtime.database.sessions.begin() as session:
                raise_alarm(session, JOBS_STOPPED, SUBJECT, at=now, details={"due_at": since.isoformat()})
