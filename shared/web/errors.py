"""Turning what went wrong into an answer: a page in the reader's language, or problem+json for programs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from marshmallow import ValidationError
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from shared.auth.errors import SecondStepRequiredError
from shared.db.damage import NodeDamagedError, is_damaged
from shared.db.space import NodeFullError, is_out_of_room
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import gettext, translate_error
from shared.web.access import Audience, access_of
from shared.web.context import link_allowed, runtime, viewer

log = logging.getLogger(__name__)

STATUS: Final = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}
LINE_PATH: Final = "/sync/"
MACHINE_PATHS: Final = (LINE_PATH, "/api/")
BROKEN: Final = 500
HOME: Final = "home"
UNAVAILABLE: Final = 503
RETRY_S: Final = 10

# status: stable code, what happened, what to do next
SENTENCES: Final = {
    400: (
        "bad-request",
        N_("This request could not be understood."),
        N_("Go back, check what you entered and try again."),
    ),
    401: ("sign-in-required", N_("Please sign in first."), N_("Sign in, then you come back to this page.")),
    403: (
        "forbidden",
        N_("You may not do this."),
        N_("If you need it for your work, ask an administrator of this node for the right."),
    ),
    404: (
        "not-found",
        N_("There is nothing here."),
        N_("Check the address, or look for the record with the search box."),
    ),
    405: (
        "method-not-allowed",
        N_("This page cannot be called like this."),
        N_("Open it from the menu and use its buttons."),
    ),
    409: (
        "conflict",
        N_("Somebody changed this at the same moment."),
        N_("Go back, load the page again and repeat what is still needed."),
    ),
    412: (
        "changed-meanwhile",
        N_("Somebody changed this since it was read, so nothing was written."),
        N_("Read it again, look what is different, and send the change with its new ETag."),
    ),
    413: ("too-large", N_("This is more than we take at once."), N_("Send a smaller file, or split it.")),
    415: (
        "media-type",
        N_("We do not read this kind of content."),
        N_("Send the content in the form that the documentation names."),
    ),
    421: (
        "host-refused",
        N_("This node does not answer to that name."),
        N_("Use its usual address, or have an administrator add the name to allowed_hosts in config.toml."),
    ),
    428: (
        "if-match-missing",
        N_("This change does not say which version it changes."),
        N_("Send the ETag of what was read as If-Match."),
    ),
    429: ("too-many", N_("Too many requests in a short time."), N_("Wait a little and try again.")),
    500: (
        "internal",
        N_("Something went wrong on our side. What you last saved is safe."),
        N_("Try again; if it happens again, give an administrator the number below."),
    ),
    503: (
        "unavailable",
        N_("The node cannot do this at the moment."),
        N_("Nothing was lost. Wait a minute and load the page again."),
    ),
}
TITLES: Final = {
    400: N_("Not understood"),
    401: N_("Sign in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Not possible"),
    409: N_("Not done"),
    412: N_("Changed meanwhile"),
    413: N_("Too large"),
    415: N_("Not readable"),
    421: N_("Wrong address"),
    428: N_("Not possible"),
    429: N_("Please wait"),
    500: N_("Something went wrong"),
    503: N_("Not available now"),
}
CSRF_SENTENCE: Final = N_("This form was opened too long ago or in another sign-in. Nothing was changed.")


@dataclass(frozen=True)
class Problem:
    """One answer to something that went wrong, for pages and programs alike."""

    status: int
    code: str
    sentence: str
    retryable: bool = False
    retry_after: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    # The address at which a person goes on without what was wrong, where there is one.
    instead: str = ""

    @property
    def title(self) -> str:
        """Two or three words for the heading."""
        return gettext(TITLES.get(self.status, TITLES[400]))

    @property
    def next_step(self) -> str:
        """What the reader can do about it."""
        return gettext(SENTENCES.get(self.status, SENTENCES[400])[2])


class HostRefusedError(HTTPException):
    """The request names a host that this node is not."""

    code = 421


def install(app: Flask) -> None:
    """Answer every error of every view; nothing internal ever shows."""
    app.register_error_handler(BranchlineError, _unless_away(_anticipated))
    app.register_error_handler(ValidationError, _unless_away(_validation))
    app.register_error_handler(HTTPException, _unless_away(_http))
    app.register_error_handler(IntegrityError, _collision)
    app.register_error_handler(DataError, _not_a_value)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(DatabaseError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_away)
    app.register_error_handler(MemoryError, _no_memory)
    app.register_error_handler(Exception, _unexpected)


def _unless_away(tell: Callable[[Any], ResponseReturnValue]) -> Callable[[Any], ResponseReturnValue]:
    """Tell what went wrong, or that the database is away where it cannot even say in which language."""

    def told(error: Exception) -> ResponseReturnValue:
        try:
            return tell(error)
        except (OperationalError, PoolTimeoutError) as away:
            return _database_away(away)

    return told


def for_machines() -> bool:
    """Tell whether the caller is a program, which gets problem+json."""
    access = access_of(current_app, request.endpoint)
    if access is not None and access.audience is Audience.MACHINES:
        return True
    # A branch's own pages about the line have such addresses too, and are for people.
    if request.path.startswith(MACHINE_PATHS) and (access is None or not request.path.startswith(LINE_PATH)):
        return True
    accepts = request.accept_mimetypes
    best = accepts.best_match(["text/html", "application/json", "application/problem+json"])
    return bool(accepts) and best != "text/html" and accepts["text/html"] < accepts[best or "text/html"]


def answer(problem: Problem) -> Response:
    """Return the response for a problem, in the form the caller reads."""
    g.problem = problem
    if for_machines():
        response = _problem_json(problem)
    elif problem.status == STATUS[Kind.UNAUTHENTICATED]:
        response = _to_sign_in(problem)
    else:
        response = _page(problem)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _problem_json(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.sentence,
        "cure": problem.next_step,
        "retryable": problem.retryable,
        "request_id": g.get("request_id", ""),
    }
    if problem.fields:
        body["fields"] = problem.fields
    response = jsonify(body)
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    return response


def _page(problem: Problem) -> Response:
    # The framed page asks the database for the menu's counts; when that is the trouble, use the plain one, nameless.
    framed = viewer() is not None and problem.status < BROKEN
    if problem.status >= BROKEN:
        g.setdefault("node_name", "")
    html = render_template(
        "error.html", problem=problem, framed=framed, request_id=g.get("request_id", ""), home=home_url()
    )
    return Response(html, problem.status, content_type="text/html; charset=utf-8")


def _to_sign_in(problem: Problem) -> Response:
    back = request.full_path.rstrip("?") if request.method == "GET" else ""
    asks = "second_step.ask" if problem.code == SecondStepRequiredError.code else "accounts.sign_in"
    url = current_app.url_for(asks) + ("?" + urlencode({"next": back}) if back else "")
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url})
    return Response(status=303, headers={"Location": url})


def home_url() -> str:
    """Return the address of the page at which the day of who is signed in begins.

    Whoever may not open it, as somebody whose range nobody has granted yet, begins with their profile, which says so;
    of somebody who is not known yet the address is one that asks again.
    """
    homes, first = current_app.config["BRANCHLINE_HOMES"], current_app.config["BRANCHLINE_HOME"]
    seen = viewer()
    if seen is None:
        return current_app.url_for(HOME if homes else first)
    endpoint = homes.get(seen.kind, first)
    return current_app.url_for(endpoint if link_allowed(endpoint) else "accounts.profile")


def _anticipated(error: BranchlineError) -> ResponseReturnValue:
    wait, name = error.params.get("retry_after"), error.params.get("field")
    sentence = translate_error(error)
    return answer(
        Problem(
            STATUS[error.kind],
            error.code,
            sentence,
            retryable=error.retryable,
            retry_after=wait if isinstance(wait, int) else None,
            fields={name: [sentence]} if isinstance(name, str) and name else {},
            instead=str(error.params.get("instead") or ""),
        )
    )


def _validation(error: ValidationError) -> ResponseReturnValue:
    fields: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    return answer(Problem(400, "validation", gettext(SENTENCES[400][1]), fields=_translated(fields)))


def _translated(found: Any) -> Any:  # noqa: ANN401 - marshmallow's messages, however deep
    if isinstance(found, dict):
        return {str(name): _translated(inner) for name, inner in found.items()}
    if isinstance(found, list | tuple):
        return [_translated(one) for one in found]
    return gettext(str(found))


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or BROKEN
    if status < 400:  # noqa: PLR2004 - redirects are exceptions too in werkzeug
        return error.get_response()
    code, sentence, _next = SENTENCES.get(status, SENTENCES[400])
    if isinstance(error, CSRFError):
        code, sentence = "csrf", CSRF_SENTENCE
    response = answer(Problem(status, code, gettext(sentence), retryable=status in {429, UNAVAILABLE}))
    if status == 405 and "Allow" in error.get_response().headers:  # noqa: PLR2004
        response.headers["Allow"] = error.get_response().headers["Allow"]
    return response


def _collision(error: IntegrityError) -> ResponseReturnValue:
    log.error("integrity error reached the page", exc_info=error, extra=_fields())
    return answer(Problem(409, "conflict", gettext(SENTENCES[409][1])))


def _not_a_value(error: DataError) -> ResponseReturnValue:
    # PostgreSQL refuses what can be no value of a column (too large a number) where SQLite finds nothing.
    log.warning("the database refused a value", exc_info=error, extra=_fields())
    return answer(Problem(400, "bad-request", gettext(SENTENCES[400][1])))


def _database_away(error: Exception) -> ResponseReturnValue:
    if is_out_of_room(error):
        return _no_room(error)
    log.error("the database did not answer", exc_info=error, extra=_fields())
    return _try_again("database")


def _no_memory(error: MemoryError) -> ResponseReturnValue:
    # One request asked for more than there is; what it held is free again once this is answered.
    log.error("short of memory", exc_info=error, extra=_fields())
    return _try_again("memory")


def _try_again(code: str) -> Response:
    sentence = gettext(SENTENCES[UNAVAILABLE][1])
    return answer(Problem(UNAVAILABLE, code, sentence, retryable=True, retry_after=RETRY_S))


def _database_error(error: DatabaseError) -> ResponseReturnValue:
    if not is_damaged(error):
        return _unexpected(error)
    log.critical("the database is damaged", exc_info=error, extra=_fields())
    return _anticipated(NodeDamagedError(detail=str(error.orig)))


def _no_room(error: Exception) -> ResponseReturnValue:
    log.error("no room on the disk", exc_info=error, extra=_fields())
    runtime().space.run_full()
    return _anticipated(NodeFullError())


def _unexpected(error: Exception) -> ResponseReturnValue:
    if is_out_of_room(error):
        return _no_room(error)
    log.error("unexpected error", exc_info=error, extra=_fields())
    return answer(Problem(BROKEN, "internal", gettext(SENTENCES[500][1])))


def _fields() -> dict[str, str]:
    return {"request_id": g.get("request_id", ""), "path": request.path, "method": request.method}
