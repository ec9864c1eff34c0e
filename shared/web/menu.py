"""The frame around every page: what the menu offers and what the header says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from flask import request, url_for
from sqlalchemy.orm import Session

from shared.auth.models import User
from shared.rights import policy
from shared.rights.policy import Person
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.context import rights_of

Label = str  # or a lazy string, which behaves like one


@dataclass(frozen=True)
class MenuEntry:
    """One line of the menu; `count` says how many things wait there, `key` is typed after g to go there.

    Only people who may read `resource` see it, of `kinds` only those, where given. With `foot` it stands below the
    others: what keeps the node going, not what it is for.
    """

    label: Label
    endpoint: str
    icon: str
    resource: Resource
    count: Callable[[Session], int] | None = None
    key: str = ""
    foot: bool = False
    kinds: frozenset[StaffKind] | None = None

    def is_for(self, person: Person) -> bool:
        """Tell whether the entry stands in this person's menu."""
        if self.kinds is not None and person.kind not in self.kinds:
            return False
        return policy.may(person, self.resource, Action.READ)


@dataclass(frozen=True, slots=True)
class MenuLine:
    """A menu entry as one page shows it."""

    label: Label
    url: str
    icon: str
    key: str
    count: int
    here: bool
    foot: bool


@dataclass(frozen=True, slots=True)
class LinkState:
    """The header's word on the line to the other tier, in the reader's language."""

    text: str
    state: Literal["up", "slow", "down"]
    url: str | None = None


def menu_lines(session: Session, menu: tuple[MenuEntry, ...], viewer: User) -> list[MenuLine]:
    """Return what `viewer` may open, with what waits there now."""
    rights = rights_of(viewer)
    allowed = [(entry, url_for(entry.endpoint)) for entry in menu if entry.is_for(rights)]
    here = _here(allowed)
    return [
        MenuLine(
            label=entry.label,
            url=url,
            icon=entry.icon,
            key=entry.key,
            count=entry.count(session) if entry.count else 0,
            here=entry is here,
            foot=entry.foot,
        )
        for entry, url in allowed
    ]


def _here(entries: Sequence[tuple[MenuEntry, str]]) -> MenuEntry | None:
    # The page itself, else the list whose address this page's begins with, else the first entry of its slice.
    endpoint = request.endpoint or ""
    exact = [entry for entry, _url in entries if entry.endpoint == endpoint]
    exact += [
        entry for entry, url in entries if url != "/" and request.path.startswith(url.rstrip("/") + "/")
    ]
    slice_ = endpoint.rpartition(".")[0]
    near = [entry for entry, _url in entries if slice_ and entry.endpoint.rpartition(".")[0] == slice_]
    return next(iter(exact + near), None)
