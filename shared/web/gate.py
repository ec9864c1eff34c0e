"""What every request passes before its view and every answer after it."""

from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import Forbidden

from shared.auth.errors import SignInRequiredError, TokenRequiredError
from shared.config import NodeSettings, is_loopback
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.rights.vocabulary import Action
from shared.web import sessions
from shared.web.access import STATIC, Access, Audience, access_of, body_limit, is_for_programs
from shared.web.api.bounds import check_rate
from shared.web.api.parameters import check_parameters
from shared.web.context import may, runtime, viewer
from shared.web.errors import HostRefusedError

WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, never listened on
YEAR_S: Final = 31_536_000
PLAIN_FORM: Final = "application/x-www-form-urlencoded"
CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Tabler draws the arrow of a select box as a data: image
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class ForbiddenError(BranchlineError):
    """The person is known and may not."""

    code = "forbidden"
    kind = Kind.FORBIDDEN
    message = N_("You may not do this. What your kind of staff may do is on your profile page.")


def install(app: Flask) -> None:
    """Put the gate before every view and the headers behind it."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    app.extensions["branchline-csrf"] = CSRFProtect(app)
    app.before_request(_enter)
    app.after_request(_leave)


def host_allowed(host: str, settings: NodeSettings) -> bool:
    """Tell whether a Host header names this node; guards against DNS rebinding.

    A node that listens on all addresses takes any plain IP address: rebinding needs a name.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if is_loopback(name) or name in {settings.host, *settings.allowed_hosts}:
        return True
    return settings.host in WILDCARDS and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _enter() -> None:
    g.request_id = new_id()
    if not host_allowed(request.host, runtime().settings):
        raise HostRefusedError
    _bound_body()
    if request.routing_exception is None:
        _admit(access_of(current_app, request.endpoint))


def _bound_body() -> None:
    """Let a view that takes files have them; a form not in parts is read whole, and keeps to the app's limit."""
    limit, access = body_limit(current_app, request.endpoint), access_of(current_app, request.endpoint)
    if limit is None or access is None:
        return
    from_page = access.audience is not Audience.MACHINES and not is_for_programs(request.path)
    if not (from_page and request.mimetype == PLAIN_FORM):
        request.max_content_length = limit


def _admit(access: Access | None) -> None:
    if access is None:
        raise Forbidden
    if access.audience is Audience.MACHINES:
        return
    if access.resource is not None and access.action is not None:
        if viewer() is None:
            raise TokenRequiredError if is_for_programs(request.path) else SignInRequiredError
        if not may(access.resource, access.action):
            raise ForbiddenError
        if access.action is Action.EXPORT:
            sessions.check_fresh()
    if is_for_programs(request.path):
        check_rate()  # no cookie was looked at, so nobody else's page can have sent this
        check_parameters()
        return
    current_app.extensions["branchline-csrf"].protect()


def _leave(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if runtime().settings.behind_proxy:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}; includeSubDomains")
    if "request_id" in g:
        response.headers["X-Request-ID"] = g.request_id
    if response.status_code == HTTPStatus.UNAUTHORIZED and is_for_programs(request.path):
        response.headers["WWW-Authenticate"] = 'Bearer realm="branchline"'
    response.headers["Cache-Control"] = _caching(response)
    return response


def _caching(response: Response) -> str:
    static = (request.endpoint or "").rpartition(".")[2] == STATIC
    if not static or response.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
        return "no-store"
    # The address of an asset carries its digest (assets.py): another content has another address.
    return f"public, max-age={YEAR_S}, immutable" if "v" in request.args else "no-cache"
