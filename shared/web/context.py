"""What a view may ask for: the node's collaborators, who is calling, and a database session."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeVar, overload

from flask import Flask, current_app, g, has_request_context, request
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.exceptions import RequestEntityTooLarge

from shared.auth.errors import SignInRequiredError
from shared.auth.models import AccessToken, User
from shared.auth.tokens import read_scopes
from shared.db.engine import Database
from shared.db.personal import MASKED
from shared.db.scope import ScopedSession
from shared.domain.calendar import local_day
from shared.rights import policy
from shared.rights.masking import hidden_subjects
from shared.rights.policy import Person
from shared.rights.ranges import SIGHT, Ranged, Seer, Sight, nobody, sight_for
from shared.rights.vocabulary import Action, DataRange, Resource
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via
from shared.web.access import Access, Audience, access_of, needs_of

EXTENSION: Final = "branchline"
RANGED: Final = "branchline-ranged"
NOBODY: Final = "anonymous"
_PAGE: Final = "page_reading"
_SAFE: Final = frozenset({"GET", "HEAD"})
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


def reading(
    *, of: Database | None = None, sums: bool = False, as_node: bool = False
) -> AbstractContextManager[Session]:
    """Open a session on one unchanging snapshot, in which the database refuses every write.

    It sees the rows that who is signed in may see; with `sums` also those of which they may see sums only, and nothing
    but figures may leave it then. `as_node` looks with the node's own eyes: for technical facts of records (numbers of
    batches, counts), never for what they say. `of` is another view of the node's database, as that of one receiver.

    All that a page only reads with the reader's own eyes it reads in one session, kept until the page is made or
    something is written.
    """
    seen = None if as_node else sight(sums=sums)
    if seen is not None and seen is g.get("sights", {}).get(False) and of is None and request.method in _SAFE:
        return _kept(seen)
    return _opened((of or runtime().database).reads, seen)


def writing(
    *, of: Database | None = None, on_reserve: bool = False, as_node: bool = False
) -> AbstractContextManager[Session]:
    """Open the one transaction of this request; it commits at the end of the block or not at all.

    Raises NodeFullError on a full disk; `on_reserve` tries even then, for what reading needs (signing in).
    """
    if not on_reserve:
        runtime().space.check()
    _let_go()
    return _opened((of or runtime().database).sessions, None if as_node else sight())


@dataclass
class _Reading:
    """The session a page reads in, and how many of its readers are at it."""

    session: Session
    readers: int = 0
    failed: bool = False

    def end(self) -> None:
        """Give the connection back; what is rolled back makes the driver forget the statements it has prepared."""
        with self.session:
            if not self.failed:
                self.session.commit()


@contextmanager
def _kept(seen: Sight) -> Iterator[Session]:
    kept: _Reading | None = g.get(_PAGE)
    if kept is None:
        kept = _Reading(runtime().database.reads(info={SIGHT: seen}))
        setattr(g, _PAGE, kept)
    kept.readers += 1
    before = MASKED.set(hidden_subjects(seen))
    try:
        yield kept.session
    except SQLAlchemyError:  # nothing more is read in a transaction that failed
        kept.failed = True
        _let_go()
        raise
    finally:
        MASKED.reset(before)
        kept.readers -= 1
        if g.get(_PAGE) is not kept and not kept.readers:
            kept.end()


def _let_go() -> None:
    """Have what is read from now on read anew; the session of a page ends with its last reader."""
    kept: _Reading | None = g.pop(_PAGE, None)
    if kept is not None and not kept.readers:
        kept.end()


def install(app: Flask) -> None:
    """End with each request what it reads in."""
    app.teardown_request(lambda _error: _let_go())


@contextmanager
def _opened(make: sessionmaker[ScopedSession], seen: Sight | None) -> Iterator[Session]:
    before = MASKED.set(hidden_subjects(seen))
    try:
        with make(info={SIGHT: seen}) as session, session.begin():
            yield session
    finally:
        MASKED.reset(before)


def sight(*, sums: bool = False) -> Sight | None:
    """Return with whose eyes this request looks; None when a program calls, which the node itself answers."""
    ranged: Sequence[Ranged] = current_app.extensions[RANGED]
    access = access_of(current_app, request.endpoint)
    if access is not None and access.audience is Audience.MACHINES:
        return None
    # While it is being found out who calls, nobody does.
    seen = None if g.get("loading_viewer") else viewer()
    if seen is None:
        return nobody(ranged, runtime().clock.now())
    kept: dict[bool, Sight] = g.setdefault("sights", {})
    if sums not in kept:
        kept[sums] = _sight_of(seen, ranged, access, sums=sums)
    return kept[sums]


def _sight_of(seen: User, ranged: Sequence[Ranged], access: Access | None, *, sums: bool) -> Sight:
    return sight_for(
        rights_of(seen),
        Seer(seen.id, seen.manager_id, runtime().clock.now()),
        ranged,
        doing=(access.resource, access.action) if access is not None else (None, None),
        branches=None if seen.branches is None else tuple(seen.branches),
        sums=sums,
        masks=access is not None and access.action is Action.EXPORT and not whole_asked(),
    )


def whole_asked() -> bool:
    """Tell whether the form of an export asks for contact data in full; without that it leaves the node masked."""
    try:
        return request.method == "POST" and request.form.get("whole") == "yes"
    except RequestEntityTooLarge:  # asked again by the page that says so
        return False


def stamp() -> Stamp:
    """Return who is calling, when and from where: one and the same for the whole request."""
    if "stamp" not in g:
        person, token = viewer(), shown_token()
        address = request.remote_addr or ""
        g.stamp = Stamp(
            at=runtime().clock.now(),
            actor=person.username if person else NOBODY,
            via=Via.API if token else Via.WEB,
            terminal=f"{token.name} ({address})" if token else address,
            actor_id=person.id if person else None,
            manager_id=person.manager_id if person else None,
        )
    return g.stamp  # type: ignore[no-any-return]


def today() -> date:
    """Return the day it is at this node."""
    return local_day(stamp().at, runtime().settings.timezone)


def viewer() -> User | None:
    """Return who is signed in, as this request found them, or None."""
    if not has_request_context():
        return None
    # Asked of the proxy once: a page asks who looks hundreds of times.
    found = current_user._get_current_object()
    return found.user if found.is_authenticated else None


def shown_token() -> AccessToken | None:
    """Return the token with which a program acts for who is calling; None when people themselves do."""
    if viewer() is None:
        return None
    found = getattr(current_user, "token", None)
    return found if isinstance(found, AccessToken) else None


def person() -> User:
    """Return who is signed in; raises SignInRequiredError when nobody is."""
    found = viewer()
    if found is None:
        raise SignInRequiredError
    return found


def rights_of(user: User) -> Person:
    """Return what decides on somebody's rights at this node; of who calls through an interface, that part of them."""
    if not has_request_context() or user is not viewer():
        return _rights_of(user)
    # Of who is calling, once a request: they stay whom this request found them to be.
    kept: tuple[User, Person] | None = g.get("own_rights")
    if kept is None or kept[0] is not user:
        kept = g.own_rights = (user, _rights_of(user))
    return kept[1]


def _rights_of(user: User) -> Person:
    found = user.rights_at(current_app.config["BRANCHLINE_PRODUCT"])
    token = shown_token() if has_request_context() else None
    if token is not None and token.user_id == user.id:
        return replace(found, only=read_scopes(token.scopes) | _looked_up())
    return found


def _looked_up() -> frozenset[tuple[Resource, Action]]:
    """Return what is read besides on behalf of a program: an act looks up all that its owner may.

    What comes of an act must not depend on how little a token names; what is answered is of the act alone.
    """
    access = access_of(current_app, request.endpoint)
    if access is not None and access.action is not Action.READ:
        return frozenset((resource, Action.READ) for resource in Resource)
    return needs_of(current_app, request.endpoint)


def link_allowed(endpoint: str) -> bool:
    """Tell whether who is signed in may open the page of `endpoint`: a link to it must not lead to a refusal."""
    access = access_of(current_app, endpoint)
    if access is None or access.resource is None or access.action is None:
        return access is not None
    return may(access.resource, access.action)


def sees_whole(resource: Resource) -> bool:
    """Tell whether who is signed in sees rows of a resource, and nothing in them masked."""
    seen = viewer()
    found = policy.allowed(rights_of(seen), resource, Action.READ) if seen else None
    return found is not None and not found.masked and found.range is not DataRange.AGGREGATE


def may(resource: Resource, action: Action) -> bool:
    """Tell whether who is signed in may do this to any row: for what a page offers, not for what it does."""
    seen = viewer()
    return seen is not None and policy.may(rights_of(seen), resource, action)
