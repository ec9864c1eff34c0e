"""Who may call a view: said on the view itself; a view that does not say is refused when the app starts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from flask import Flask

from shared.errors import SetupError
from shared.rights.vocabulary import Action, Resource

View = TypeVar("View", bound=Callable[..., Any])
STATIC: Final = "static"
# What lies below is for programs: they show a token, cookies are not taken there, and tokens nowhere else.
API: Final = "/api/"


class Audience(StrEnum):
    """For whom a view is."""

    EVERYBODY = "everybody"
    PEOPLE = "people"
    MACHINES = "machines"


@dataclass(frozen=True, slots=True)
class Access:
    """What a view says about itself; what it does to which resource is set for people only."""

    audience: Audience
    resource: Resource | None = None
    action: Action | None = None


def requires(resource: Resource, action: Action) -> Callable[[View], View]:
    """Let only signed-in people call the view whom the policy table allows this; changes need a CSRF token.

    The database sessions of the request show the rows of their data range and no others (shared.rights.ranges).
    """
    return _mark(Access(Audience.PEOPLE, resource, action))


def public(view: View) -> View:
    """Let everybody call the view, signed in or not; POST still needs a CSRF token."""
    return _mark(Access(Audience.EVERYBODY))(view)


def machine(view: View) -> View:
    """Let programs call the view without session or CSRF token; the view itself checks their signature.

    Its errors are problem+json.
    """
    return _mark(Access(Audience.MACHINES))(view)


def is_for_programs(path: str) -> bool:
    """Tell whether an address is one of those that take tokens, and tokens only."""
    return path.startswith(API)


def takes_body(most_bytes: int) -> Callable[[View], View]:
    """Accept a request body of up to `most_bytes` on this view, beyond the app's own limit."""

    def mark(view: View) -> View:
        view.__branchline_body__ = most_bytes  # type: ignore[attr-defined]
        return view

    return mark


def access_of(app: Flask, endpoint: str | None) -> Access | None:
    """Return who may call an endpoint, or None when nobody said: then nobody may."""
    if endpoint is None:
        return None
    if endpoint.rpartition(".")[2] == STATIC:
        return Access(Audience.EVERYBODY)
    found = getattr(app.view_functions.get(endpoint), "__branchline_access__", None)
    return found if isinstance(found, Access) else None


def needs_of(app: Flask, endpoint: str | None) -> frozenset[tuple[Resource, Action]]:
    """Return what a view for programs looks up besides, which their token need not name: as names of branches."""
    return getattr(app.view_functions.get(endpoint or ""), "__branchline_needs__", frozenset())


def body_limit(app: Flask, endpoint: str | None) -> int | None:
    """Return the view's own limit for the request body, or None for the app's."""
    return getattr(app.view_functions.get(endpoint or ""), "__branchline_body__", None)


def check_every_view(app: Flask) -> None:
    """Refuse to start while any view does not say who may call it; raises SetupError naming them all."""
    silent = sorted(endpoint for endpoint in app.view_functions if access_of(app, endpoint) is None)
    if silent:
        raise SetupError(problem=f"@requires, @public or @machine is missing on: {', '.join(silent)}")


def _mark(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.__branchline_access__ = access  # type: ignore[attr-defined]
        return view

    return mark
