"""What the operation log tells of requests that write nothing: refusals, views of a person's record, exports, prints.

It follows from what each view says about itself (`@requires`), so no view can forget it. The note is a short
transaction of its own after the view is done: views read in sessions that cannot write. When it cannot be written (a
full disk, a database away) the page is shown all the same and the program's log says so: a branch goes on reading.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from shared.audit.acting import acting
from shared.audit.operations import record
from shared.audit.vocabulary import LogAction
from shared.rights.vocabulary import Action, Resource
from shared.web.access import access_of
from shared.web.context import runtime, stamp

log = logging.getLogger(__name__)

NOTES: Final = "branchline-notes"
REFUSED: Final = frozenset({401, 403, 421})
CSRF: Final = "csrf"
ERRORS: Final = 400
SPAN: Final = timedelta(minutes=1)
MOST_A_SPAN: Final = 60
LONGEST: Final = 200
# Whose single record shows a person's data: opening one is noted.
SENSITIVE: Final = frozenset(
    {Resource.CUSTOMER, Resource.ARCHIVE, Resource.PARKED, Resource.RECOVERED, Resource.IMPORT}
)
# Their pages note themselves, with their conditions in words.
NOTED_THERE: Final = frozenset({Resource.OPERATION_LOG, Resource.OPERATION_STATISTICS})
TAKEN_OUT: Final = {Action.EXPORT: ("exported", LogAction.EXPORT), Action.PRINT: ("printed", LogAction.PRINT)}
SEARCHED: Final = "q"
Key = tuple[str, ...]


class Refusals:
    """Bounds what refusals write: equal ones of a minute are one entry and a count, and all together few a minute.

    The counts live in this process: what it has counted when it is killed is lost, the first of each kind is not.
    """

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = Lock()
        self._since: datetime | None = None
        self._counted: Counter[Key] = Counter()

    def count(self, key: Key, now: datetime) -> tuple[bool, list[tuple[Key, int]]]:
        """Tell whether this refusal is written now, and which repetitions of the minute before are."""
        with self._lock:
            told: list[tuple[Key, int]] = []
            if self._since is None or now - self._since >= SPAN:
                told = [(one, times - 1) for one, times in self._counted.items() if times > 1]
                self._counted.clear()
                self._since = now
            if key not in self._counted and len(self._counted) >= MOST_A_SPAN:
                key = ("", "", "too-many", "", "")
            self._counted[key] += 1
            return self._counted[key] == 1, told


def install(app: Flask) -> None:
    """Say who acts in every request, and note what each was."""
    app.extensions[NOTES] = Refusals()
    app.before_request(_begin)
    app.after_request(_note)
    app.teardown_request(_end)


def noted(event: str, subject: tuple[str, str] | None = None, **details: Any) -> None:  # noqa: ANN401 - plain JSON
    """Have something told that no row shows, when the view is done; for what `@requires` does not say."""
    g.setdefault("notes", []).append((event, subject, details, None))


def _begin() -> None:
    g.acting = ExitStack()
    g.acting.enter_context(acting(stamp))


def _end(_error: BaseException | None) -> None:
    stack: ExitStack | None = g.pop("acting", None)
    if stack is not None:
        stack.close()


def _note(response: Response) -> Response:
    notes = [*g.get("notes", []), *_of_view(response), *_of_refusal(response)]
    if notes:
        try:
            with runtime().database.sessions.begin() as session:
                for event, subject, details, action in notes:
                    record(session, event, subject=subject, by=stamp(), details=details, action=action)
        except SQLAlchemyError:
            log.warning("not in the operation log: %s", [note[0] for note in notes], exc_info=True)
    return response


def _of_view(response: Response) -> list[Any]:
    access = access_of(current_app, request.endpoint)
    if access is None or access.resource is None or response.status_code != HTTPStatus.OK:
        return []
    if g.get("not_taken"):
        return []  # the form that asks what an export is for
    resource = access.resource
    subject = _subject(resource)
    if access.action in TAKEN_OUT and resource not in NOTED_THERE:
        verb, action = TAKEN_OUT[access.action]
        return [(f"{resource.value}.{verb}", subject, _conditions(), action)]
    shown = request.method == "GET" and access.action is Action.READ
    if shown and resource in SENSITIVE and subject is not None and "HX-Request" not in request.headers:
        return [(f"{resource.value}.viewed", subject, {"page": request.endpoint}, LogAction.VIEW)]
    return []


def _subject(resource: Resource) -> tuple[str, str] | None:
    named = [
        str(value)
        for name, value in (request.view_args or {}).items()
        if name.endswith("id") or name == "code"
    ]
    return (resource.value, "/".join(named)[:80]) if named else None


def _conditions() -> Mapping[str, Any]:
    # What was typed into a search box may be somebody's number: that it was there is told, not what it was.
    args = {name: "…" if name == SEARCHED else value[:LONGEST] for name, value in request.args.items()}
    return {"page": request.endpoint, "conditions": dict([*args.items()][:20])}


def _of_refusal(response: Response) -> list[Any]:
    problem = g.get("problem")
    if problem is None or not (problem.status in REFUSED or problem.code == CSRF):
        return []
    # Somebody who is not signed in and opens a page is led to the sign-in: that refuses nothing.
    if (
        problem.status == HTTPStatus.UNAUTHORIZED
        and response.status_code < ERRORS
        and request.method == "GET"
    ):
        return []
    by = stamp()
    key = (by.actor, by.terminal, problem.code, request.method, request.endpoint or "")
    first, before = current_app.extensions[NOTES].count(key, by.at)
    told = [("request.refused", None, _repeated(one, times), LogAction.REFUSE) for one, times in before]
    if first:
        now = {"code": problem.code, "method": request.method, "path": request.path[:LONGEST]}
        told.append(("request.refused", None, now, LogAction.REFUSE))
    return told


def _repeated(key: Key, times: int) -> dict[str, Any]:
    actor, terminal, code, method, endpoint = key
    who = {"actor": actor, "terminal": terminal}
    return {"code": code, "method": method, "page": endpoint, "repeated": times, "by": who}
