"""Who a session cookie or a token speaks for: looked up at every request, so that ending either works at once."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Flask, Request, Response, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.auth import second_step, sessions, tokens
from shared.auth.errors import SecondStepRequiredError, SignInRequiredError
from shared.auth.models import AccessToken, User
from shared.auth.rules import FRESH, HALF_WAY, USUAL, AccountRules
from shared.auth.sessions import OpenSession
from shared.auth.tokens import OpenToken
from shared.config import NodeSettings
from shared.web.access import is_for_programs
from shared.web.context import person, reading, runtime, stamp, viewer, writing

RULES: Final = "branchline-account-rules"
# Writing down the last use at every request would make every read a write.
SEEN_EVERY: Final = timedelta(minutes=5)
LANGUAGE: Final = "language"
# Where flask-login looks for what it hands to `_load`.
_KEPT_AS: Final = "_user_id"
MOST_TOKEN: Final = 100
AskRules = Callable[[Session], AccountRules]


@dataclass(frozen=True)
class SignedIn(UserMixin):  # type: ignore[misc]
    """A user with one open session of theirs."""

    user: User
    open: OpenSession


@dataclass(frozen=True)
class Interface(UserMixin):  # type: ignore[misc]
    """A program that acts for a user with a token of theirs."""

    user: User
    behind: OpenToken

    @property
    def token(self) -> AccessToken:
        """The token it showed."""
        return self.behind.token


def install(app: Flask, settings: NodeSettings, rules: AskRules | None = None) -> None:
    """Set up cookies and the loading of the person behind them; `rules` is asked at each request."""
    app.extensions[RULES] = rules or (lambda _session: USUAL)
    https = settings.behind_proxy
    # Cookies do not know ports: two nodes on one machine must not share a name.
    name = "branchline-" + hashlib.sha256(settings.secret_key.encode()).hexdigest()[:8]
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME=f"__Host-{name}" if https else name,
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    manager = LoginManager()
    manager.session_protection = None  # it signs people out whose address changes
    manager.user_loader(_once(_load))
    manager.request_loader(_once(_load_program))
    manager.init_app(app, add_context_processor=False)
    app.after_request(_note_seen)


def account_rules(database: Session) -> AccountRules:
    """Return what accounts must keep here and now."""
    ask: AskRules = current_app.extensions[RULES]
    return ask(database)


def start(token: str, user: User) -> None:
    """Give this browser the token of a session that has begun; nothing of the one before survives but the language."""
    language = session.get(LANGUAGE)
    session.clear()
    if language and not user.language:
        session[LANGUAGE] = language
    session[_KEPT_AS] = token


def renew(token: str) -> None:
    """Give this browser the new token of the session it has."""
    session[_KEPT_AS] = token


def half() -> OpenSession | None:
    """Return the session of somebody who has proven the password and not yet the second step, or None.

    To every other view they are nobody.
    """
    if viewer() is not None:
        return None
    found: OpenSession | None = g.get("half_session")
    return found


def check_fresh() -> None:
    """Ask who takes data out of the node for the second step; raises SecondStepRequiredError unless proven lately."""
    proven = here().session.proven_at
    if proven is None or runtime().clock.now() - proven > FRESH:
        raise SecondStepRequiredError


def here() -> OpenSession:
    """Return the session of this request; raises SignInRequiredError when nobody is signed in."""
    person()
    if not isinstance(current_user._get_current_object(), SignedIn):
        raise SignInRequiredError
    found: OpenSession = current_user.open
    return found


def sign_out() -> None:
    """End this session for good, copies of its cookie included; only the language stays."""
    open_ = half() or here()
    with writing(on_reserve=True) as database:
        sessions.sign_out(database, open_.user, open_.session.id, by=stamp())
    language = session.get(LANGUAGE)
    session.clear()
    if language:
        session[LANGUAGE] = language


def _once(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    # When the database cannot be reached, the page that says so must not ask it again who is reading.
    def guarded(shown: Any) -> Any:  # noqa: ANN401 - what the browser or program shows
        if g.get("loading_viewer"):
            return None
        g.loading_viewer = True
        found = load(shown)
        g.loading_viewer = False
        return found

    return guarded


def _load_program(shown: Request) -> Interface | None:
    scheme, _space, secret = shown.headers.get("Authorization", "").partition(" ")
    if not is_for_programs(shown.path) or scheme.lower() != "bearer":
        return None
    now = runtime().clock.now()
    with reading() as database:
        found = tokens.find_open(database, secret.strip(), now=now)
    if found is None:
        return None
    used = found.token.used_at
    if used is None or now - used > tokens.USED_EVERY or found.token.used_from != shown.remote_addr:
        g.token_used = (found.token.id, now, shown.remote_addr or "")
    return Interface(found.user, found)


def _load(token: str) -> SignedIn | None:
    if len(token) > MOST_TOKEN or is_for_programs(request.path):
        return None
    # Not the stamp of this request: that names the person, who is being found out just now.
    now = runtime().clock.now()
    with reading() as database:
        found = sessions.find_open(database, token)
        if found is None:
            return None
        rules = account_rules(database)
    if not found.within(rules, now):
        return None
    if found.session.proven_at is None and second_step.is_needed(found.user, found.second_step, rules):
        g.half_session = found if now - found.session.began_at <= HALF_WAY else None
        return None
    if now - found.session.seen_at > SEEN_EVERY:
        g.session_seen = (found.session.id, now)
    return SignedIn(found.user, found)


def _note_seen(response: Response) -> Response:
    """Note the last use, when the page is made and its transaction is over; a full disk does not stop the page."""
    seen = g.pop("session_seen", None)
    if seen is not None:
        with suppress(SQLAlchemyError), writing(on_reserve=True) as database:
            sessions.note_seen(database, seen[0], at=seen[1])
    used = g.pop("token_used", None)
    if used is not None:
        with suppress(SQLAlchemyError), writing(on_reserve=True) as database:
            tokens.note_used(database, used[0], at=used[1], terminal=used[2])
    return response
