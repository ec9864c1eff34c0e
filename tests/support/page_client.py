"""A test client that talks to pages as a browser does."""

import re
from http import HTTPStatus
from typing import Any, ClassVar, Final

import pyotp
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from shared.auth import second_step
from shared.auth.models import SecondStep, User
from shared.auth.queries import find_user
from shared.auth.sealing import Seal
from shared.db.engine import Database
from shared.stamp import Stamp, Via

SIGN_IN: Final = "/account/sign-in"
SECOND_STEP: Final = "/account/second-step"
# What every test's authenticator has in common with the node.
SECRET: Final = "BRANCHLINETESTSECRETBRANCHLINE23"
# A page with a form and little else; whoever is not signed in is led to the form of the sign-in.
A_FORM: Final = "/account/profile"


class PageClient(FlaskClient):
    """Fills in the CSRF token of its session, read from a page once, as a page would."""

    follows: ClassVar[bool] = False
    """Whether `send` goes on to the page an answer leads to."""
    _token: str | None = None

    api_token: str = ""
    """What a program of this person's shows where pages are for programs."""

    second_step: ClassVar[bool] = True
    """Whether this person answers by themselves when asked for the code of their authenticator."""
    _username: str = ""

    def open(self, *args: Any, **settings: Any) -> TestResponse:
        """Read each answer whole and close it, as a web server does; prove the second step where a page asks for it."""
        path = args[0] if args else settings.get("path", "")
        if self.api_token and isinstance(path, str) and path.startswith("/api/"):
            settings = {"headers": {"Authorization": f"Bearer {self.api_token}"}, **settings}
        answer = super().open(*args, **{"buffered": True, **settings})
        if self.second_step and self._username and _asks_for_code(answer):
            answer.close()
            assert self.prove(self._username).status_code == 303
            answer = super().open(*args, **{"buffered": True, **settings})
        return answer

    def token(self) -> str:
        """Return the token that the forms of this session carry."""
        if self._token is None:
            self._token = self._read_token(A_FORM)
        return self._token

    def send(self, path: str, **form: Any) -> TestResponse:
        """Post a form."""
        if path == SIGN_IN:
            return self.sign_in(**form)
        answer = self.post(path, data={"csrf_token": self.token(), **form}, follow_redirects=self.follows)
        if path.startswith("/account/"):
            self._token = None  # signing in or out begins another session
        return answer

    def take(self, path: str, *, reason: str = "asked for by the auditors", **form: str) -> TestResponse:
        """Export: where the page asks what a file with personal data is for, say so."""
        answer = self.get(path)
        if answer.status_code == HTTPStatus.FOUND:  # on to the same with its days said
            answer = self.get(str(answer.location))
        if "data-export-form" not in (answer.text if answer.mimetype == "text/html" else ""):
            return answer
        address = f"{answer.request.path}?{answer.request.query_string.decode()}".rstrip("?")
        return self.post(address, data={"csrf_token": self.token(), "reason": reason, **form})

    def sign_in(self, username: str, password: str, **form: str) -> TestResponse:
        """Sign in; the answer is the redirect to where this person begins."""
        self._token = self._read_token(SIGN_IN)
        data = {"csrf_token": self._token, "username": username, "password": password, **form}
        self._token = None
        answer = self.post(SIGN_IN, data=data)
        if answer.status_code != 303 or not self.second_step:
            return answer
        self._username = username
        return self.prove(username, next=form.get("next", "")) if self._is_half() else answer

    def prove(self, username: str, **form: str) -> TestResponse:
        """Prove the second step with the authenticator that all tests share, set up first where it was not."""
        runtime = self.application.extensions["branchline"]
        seal = Seal(runtime.settings.home.ensure_key(second_step.KEY))
        give_second_step(
            runtime.database, seal, username, at=Stamp(runtime.clock.now(), "setup", Via.COMMAND)
        )
        code = pyotp.TOTP(SECRET).at(runtime.clock.now())
        csrf = self._read_token(SECOND_STEP)
        self._token = None
        return super().open(
            SECOND_STEP, method="POST", data={"csrf_token": csrf, "code": code, **form}, buffered=True
        )

    def _is_half(self) -> bool:
        return bool((super().open(SIGN_IN, buffered=True).location or "").startswith(SECOND_STEP))

    def _read_token(self, path: str) -> str:
        page = self.get(path, follow_redirects=True).text
        return str(re.findall(r'name="csrf_token" value="([^"]+)"', page)[0])


def give_second_step(database: Database, seal: Seal, username: str, *, at: Stamp) -> None:
    """Let a person have the second step that all tests share, with every code of it unused.

    A test's clock stands still, so the same code comes again and again.
    """
    with database.sessions.begin() as session:
        user = find_user(session, username)
        assert isinstance(user, User)
        step = session.get(SecondStep, user.id)
        if step is None or not step.enrolled:
            second_step.enrol_at_once(session, user, SECRET, seal=seal, by=at)
        session.execute(update(SecondStep).where(SecondStep.user_id == user.id).values(last_step=0))


def _asks_for_code(answer: TestResponse) -> bool:
    asked = answer.location or answer.headers.get("HX-Redirect") or ""
    return (
        answer.request.path != SECOND_STEP
        and not answer.request.path.startswith("/account/")
        and asked.startswith(SECOND_STEP)
    )


class FollowingClient(PageClient):
    """Goes on to the page that an answer leads to, as a browser does."""

    follows = True
