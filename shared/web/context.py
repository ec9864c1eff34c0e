"""What a view may ask for: the node's collaborators, who is calling, and a database session."""

from contextlib import AbstractContextManager
from typing import Final, TypeVar, overload

from flask import current_app, g, has_request_context, request
from flask_login import current_user
from sqlalchemy.orm import Session

from shared.auth.errors import SignInRequiredError
from shared.auth.models import User
from shared.rights import policy
from shared.rights.vocabulary import Action, Resource
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via

EXTENSION: Final = "branchline"
NOBODY: Final = "anonymous"
AnyRuntime = TypeVar("AnyRuntime", bound=NodeRuntime)


@overload
def runtime() -> NodeRuntime: ...
@overload
def runtime(kind: type[AnyRuntime]) -> AnyRuntime: ...
def runtime(kind: type[NodeRuntime] = NodeRuntime) -> NodeRuntime:
    """Return the node's collaborators; name the app's own class to get its further ones."""
    found = current_app.extensions[EXTENSION]
    if not isinstance(found, kind):
        msg = f"this app runs with {type(found).__name__}, not {kind.__name__}"
        raise TypeError(msg)
    return found


def reading() -> AbstractContextManager[Session]:
    """Open a session on one unchanging snapshot, in which the database refuses every write."""
    return runtime().database.reads.begin()


def writing(*, on_reserve: bool = False) -> AbstractContextManager[Session]:
    """Open the one transaction of this request; it commits at the end of the block or not at all.

    Raises NodeFullError on a full disk; `on_reserve` tries even then, for what reading needs (signing in).
    """
    if not on_reserve:
        runtime().space.check()
    return runtime().database.sessions.begin()


def stamp() -> Stamp:
    """Return who is calling, when and from where: one and the same for the whole request."""
    if "stamp" not in g:
        person = viewer()
        g.stamp = Stamp(
            at=runtime().clock.now(),
            actor=person.username if person else NOBODY,
            via=Via.WEB,
            terminal=request.remote_addr or "",
        )
    return g.stamp  # type: ignore[no-any-return]


def viewer() -> User | None:
    """Return who is signed in, as this request found them, or None."""
    if not has_request_context() or not current_user.is_authenticated:
        return None
    return current_user.user  # type: ignore[no-any-return]


def person() -> User:
    """Return who is signed in; raises SignInRequiredError when nobody is."""
    found = viewer()
    if found is None:
        raise SignInRequiredError
    return found


def may(resource: Resource, action: Action) -> bool:
    """Tell whether who is signed in may do this to any row: for what a page offers, not for what it does."""
    seen = viewer()
    return seen is not None and policy.may(seen.rights, resource, action)
