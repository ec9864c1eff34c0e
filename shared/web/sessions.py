"""Who a session cookie speaks for: checked at every request, so that ending it works at once."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Flask, current_app, g, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from shared.auth import operations, queries
from shared.auth.models import User
from shared.clock import Clock
from shared.config import NodeSettings
from shared.ids import is_id
from shared.web.context import person, reading, runtime, stamp, writing

LIMITS: Final = "branchline-session-limits"
# No setting or policy lets a session live longer.
LONGEST_EVER: Final = timedelta(hours=24)
# Writing the last use into the cookie at every request would send a new cookie with every answer.
SEEN_EVERY: Final = timedelta(minutes=5)
LANGUAGE: Final = "language"
_SEEN: Final = "seen"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session may live, and how long nothing may happen in it."""

    longest: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class SignedIn(UserMixin):  # type: ignore[misc]
    """A user with one session of theirs; `token` is all that the signed cookie holds of it."""

    user: User
    session_id: str
    since: datetime

    def get_id(self) -> str:
        """Return the text that the signed cookie keeps."""
        return f"{self.user.id}/{self.user.session_epoch}/{self.session_id}/{int(self.since.timestamp())}"


def install(app: Flask, settings: NodeSettings, limits: Callable[[], SessionLimits] | None = None) -> None:
    """Set up cookies and the loading of the person behind them; `limits` is asked at each request."""
    app.extensions[LIMITS] = limits or SessionLimits
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
    manager.session_protection = None  # it signs people out whose address changes; the epoch does better
    manager.user_loader(_once(_load))
    manager.init_app(app, add_context_processor=False)


def sign_in(user: User) -> None:
    """Start a new session for the user; nothing of the session before survives but the language."""
    language = session.get(LANGUAGE)
    session.clear()
    if language and not user.language:
        session[LANGUAGE] = language
    now = runtime().clock.now()
    session[_SEEN] = int(now.timestamp())
    login_user(SignedIn(user, secrets.token_hex(16), now))


def sign_out() -> None:
    """End this session for good, copies of its cookie included."""
    with writing(on_reserve=True) as database:
        operations.end_session(database, person(), current_user.session_id, lifetime=LONGEST_EVER, by=stamp())
    logout_user()
    language = session.get(LANGUAGE)
    session.clear()
    if language:
        session[LANGUAGE] = language


def _once(load: Callable[[str], SignedIn | None]) -> Callable[[str], SignedIn | None]:
    # When the database cannot be reached, the page that says so must not ask it again who is reading.
    def guarded(token: str) -> SignedIn | None:
        if g.get("loading_viewer"):
            return None
        g.loading_viewer = True
        found = load(token)
        g.loading_viewer = False
        return found

    return guarded


def _load(token: str) -> SignedIn | None:
    try:
        user_id, epoch_text, session_id, since_text = token.split("/")
        epoch, since = int(epoch_text), datetime.fromtimestamp(int(since_text), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not is_id(user_id) or not _still_good(since, runtime().clock):
        return None
    with reading() as database:
        user = queries.find_session_user(database, user_id, epoch=epoch, session_id=session_id)
    return SignedIn(user, session_id, since) if user else None


def _still_good(since: datetime, clock: Clock) -> bool:
    now = clock.now()
    seen = datetime.fromtimestamp(session.get(_SEEN, 0), tz=UTC)
    limits: SessionLimits = current_app.extensions[LIMITS]()
    if now - since > min(limits.longest, LONGEST_EVER) or now - seen > limits.idle:
        return False
    if now - seen > SEEN_EVERY:
        session[_SEEN] = int(now.timestamp())
    return True
