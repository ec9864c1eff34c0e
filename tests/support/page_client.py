"""A test client that talks to pages as a browser does."""

import re
from typing import Any, ClassVar, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

SIGN_IN: Final = "/account/sign-in"
# A page with a form and little else; whoever is not signed in is led to the form of the sign-in.
A_FORM: Final = "/account/profile"


class PageClient(FlaskClient):
    """Fills in the CSRF token of its session, read from a page once, as a page would."""

    follows: ClassVar[bool] = False
    """Whether `send` goes on to the page an answer leads to."""
    _token: str | None = None

    def open(self, *args: Any, **settings: Any) -> TestResponse:
        """Read each answer whole and close it, as a web server does."""
        return super().open(*args, **{"buffered": True, **settings})

    def token(self) -> str:
        """Return the token that the forms of this session carry."""
        if self._token is None:
            self._token = self._read_token(A_FORM)
        return self._token

    def send(self, path: str, **form: Any) -> TestResponse:
        """Post a form."""
        answer = self.post(path, data={"csrf_token": self.token(), **form}, follow_redirects=self.follows)
        if path.startswith("/account/"):
            self._token = None  # signing in or out begins another session
        return answer

    def sign_in(self, username: str, password: str, **form: str) -> TestResponse:
        """Sign in; the answer is the redirect to where this person begins."""
        self._token = self._read_token(SIGN_IN)
        data = {"csrf_token": self._token, "username": username, "password": password, **form}
        self._token = None
        return self.post(SIGN_IN, data=data)

    def _read_token(self, path: str) -> str:
        page = self.get(path, follow_redirects=True).text
        return str(re.findall(r'name="csrf_token" value="([^"]+)"', page)[0])


class FollowingClient(PageClient):
    """Goes on to the page that an answer leads to, as a browser does."""

    follows = True
