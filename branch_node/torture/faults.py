"""Where a run can be struck: every statement and every commit of a database, and every message."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

COMMIT: Final = "COMMIT"
DISK_ERROR: Final = "disk I/O error"


# What makes the failure of a call from the database's driver; nothing lets the call go on.
Failing = Callable[[Any], BaseException | None]


class KilledError(BaseException):
    """The process ended here: no handler of the product may catch this."""


class FaultPoints:
    """Counts the database calls of one node and strikes at the one that was chosen.

    Commits count as calls: one that is struck has not happened.
    """

    def __init__(self, engine: Engine) -> None:
        """Watch every connection of `engine`."""
        self.calls = 0
        self.struck = 0
        self._left, self._at = 0, ""
        self._how: Failing = killed
        self._driver = engine.dialect.loaded_dbapi
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            event.listen(engine, name, self._statement)
        event.listen(engine, "commit", self._commit)

    def arm(self, calls: int, how: Failing, *, at: str = "") -> None:
        """Strike at the call that comes `calls` from now, 1 is the next; only those with `at` in them are counted.

        What `how` returns is raised; when that is nothing, the call goes on.
        """
        self._left, self._how, self._at = calls, how, at

    def disarm(self) -> bool:
        """Strike no more; True when the chosen call never came."""
        untouched, self._left = self._left > 0, 0
        return untouched

    def _step(self, statement: str) -> BaseException | None:
        self.calls += 1
        if not self._left or self._at not in statement:
            return None
        self._left -= 1
        if self._left:
            return None
        self.struck += 1
        return self._how(self._driver)

    def _statement(self, cursor: Any, statement: str, *_more: object) -> None:  # noqa: ANN401 - the driver's
        failure = self._step(statement)
        if isinstance(failure, KilledError):
            cursor.close()  # SQLAlchemy leaves it open, for the process ends; this one does not
        if failure is not None:
            raise failure

    def _commit(self, _connection: object) -> None:
        failure = self._step(COMMIT)
        if isinstance(failure, Exception):
            raise OperationalError(COMMIT, None, failure) from failure
        if failure is not None:
            raise failure


def killed(_driver: object) -> BaseException:
    """End the process."""
    return KilledError()


def disk_error(driver: Any) -> BaseException:  # noqa: ANN401 - a DB-API module
    """Fail as a database does when its disk fails or is full."""
    failure: BaseException = driver.OperationalError(DISK_ERROR)
    return failure
