"""Within what bounds a program asks: requests a minute, and rows of people a day."""

from collections import deque
from datetime import datetime, timedelta
from math import ceil
from threading import Lock
from typing import Final

from flask import Flask, current_app

from shared.auth import tokens
from shared.domain.calendar import day_bounds, local_day
from shared.errors import N_, BranchlineError, Kind
from shared.web.context import person, runtime, shown_token, stamp, writing
from shared.web.exports.handing import rules_in_force
from shared.web.noting import noted

EXTENSION: Final = "branchline-api-rates"
A_MINUTE: Final = "BRANCHLINE_API_A_MINUTE"
USUAL_A_MINUTE: Final = 300
MINUTE: Final = timedelta(minutes=1)


class TooManyRequestsError(BranchlineError):
    """A program asks faster than the node lets it."""

    code = "too-many-requests"
    kind = Kind.TOO_MANY
    message = N_("This interface has asked %(most)s times in a minute. Ask again in %(retry_after)s seconds.")
    retryable = True


class RowsADayError(BranchlineError):
    """A person's programs have read as many rows of people as may be taken out in a day."""

    code = "rows-a-day"
    kind = Kind.TOO_MANY
    message = N_(
        "Your interfaces may read %(most)s rows of people in a day, and have. It begins anew tomorrow."
    )
    retryable = True


class Rates:
    """When each token asked within the last minute; kept in this process, so several processes allow as many times."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._lock = Lock()
        self._asked: dict[str, deque[datetime]] = {}

    def wait(self, token_id: str, now: datetime, most: int) -> int:
        """Count one request and return 0, or the seconds to wait when there were `most` in the last minute."""
        with self._lock:
            asked = self._asked.setdefault(token_id, deque())
            while asked and now - asked[0] >= MINUTE:
                asked.popleft()
            if len(asked) >= most:
                return max(1, ceil((MINUTE - (now - asked[0])).total_seconds()))
            asked.append(now)
            return 0


def install(app: Flask) -> None:
    """Begin to count."""
    app.extensions[EXTENSION] = Rates()
    app.config.setdefault(A_MINUTE, USUAL_A_MINUTE)


def check_rate() -> None:
    """Count a request of an interface; raises TooManyRequestsError when it asks too fast."""
    token = shown_token()
    if token is None:
        return
    most = current_app.config[A_MINUTE]
    wait = current_app.extensions[EXTENSION].wait(token.id, runtime().clock.now(), most)
    if wait:
        raise TooManyRequestsError(most=most, retry_after=wait)


def take_rows(rows: int, noun: str) -> None:
    """Count rows of people that are about to be answered, and have it told in the log; raises RowsADayError.

    The bound is that of exports (head office may fix it): rows that a program reads leave the node as much as a file.
    """
    token = shown_token()
    if token is None or not rows:
        return
    zone = runtime().settings.timezone
    today = local_day(stamp().at, zone)
    with writing() as session:
        most = rules_in_force(session).a_day
        taken = tokens.take_rows(session, person().id, token.id, rows, day=today, most=most)
    if not taken:
        left = day_bounds(today, zone)[1] - stamp().at
        raise RowsADayError(most=most, retry_after=max(1, ceil(left.total_seconds())))
    noted(f"{noun}.exported", ("interface", token.id), rows=rows)
