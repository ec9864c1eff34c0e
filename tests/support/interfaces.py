"""A program that asks a node's interface with a token."""

from collections.abc import Collection
from typing import Any, Final

from flask import Flask

from shared.auth.queries import find_user
from shared.auth.tokens import Scope, make_token
from shared.rights import policy
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp, Via
from shared.web.api.document import scopes_used
from shared.web.context import EXTENSION

DAYS: Final = 30


def token_for(app: Flask, username: str, scopes: Collection[Scope] | None = None) -> str:
    """Return a token of somebody's: with all of their rights that programs can use, or with some.

    Whoever has none of those gets one that opens nothing.
    """
    runtime = app.extensions[EXTENSION]
    by = Stamp(runtime.clock.now(), "setup", Via.COMMAND)
    with runtime.database.sessions.begin() as session:
        user = find_user(session, username)
        assert user is not None
        person = user.rights_at(app.config["BRANCHLINE_PRODUCT"])
        wanted = [one for one in scopes_used(app) if policy.may(person, *one)] if scopes is None else scopes
        return make_token(
            session,
            user,
            name="a program",
            scopes=wanted or [(Resource.OWN_ACCOUNT, Action.READ)],
            person=person,
            days=DAYS,
            by=by,
        )[1]


class Program:
    """Sends JSON and its token with each request, and no cookie; answers are werkzeug's, read as what is expected."""

    def __init__(self, app: Flask, token: str) -> None:
        """Speak for whoever the token is of."""
        self.client = app.test_client(use_cookies=False)
        self.token = token

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; names of headers as `if_match`."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        # Not the page client's own `open`: that would prove a second step.
        return super(type(self.client), self.client).open(
            path,
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **named},
            buffered=True,
        )

    def get(self, path: str, **headers: str) -> Any:
        """Read."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Write; an empty object unless something is said."""
        return self.ask("POST", path, {} if body is None else body, **headers)
