"""What a kind of record says to be found in the search box."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from shared.db.search_followed import FollowedTable
from shared.rights.ranges import BY_HAND
from shared.rights.vocabulary import Resource

# Counting stops here: who hits more adds a word, and needs no exact number for that.
MOST_COUNTED: Final = 1_000
Hint = Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found: what it is called, what tells it from others like it, and where it opens.

    By its `id` programs read it, where they can.
    """

    title: str
    text: str
    url: str
    state: str = ""
    tone: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Some hits and how many there are in all; `more` where counting stopped at `total`."""

    hits: Sequence[Hit]
    total: int
    more: bool = False


@dataclass(frozen=True)
class Finder:
    """A kind of record in the search box.

    `find` gets a session with the rows of who asks, the words, how many hits and from which on; it is asked of
    who may read `resource` only. `listed` makes the address of a list that shows the same with filters, where
    there is one; without it the box has a page of all results of its own. Of `indexes` it is found out together with
    those of other kinds whether they hold anything at all. `hint` does the same where no index is asked: it makes a
    question over the tables themselves, whoever may see the rows, and where the answer is no `find` is not asked.
    """

    code: str
    label: Any
    icon: str
    resource: Resource
    find: Callable[[Session, str, int, int], Found]
    listed: Callable[[str], str] | None = None
    indexes: Sequence[FollowedTable] = ()
    hint: Hint | None = None


def hinted(session: Session, asked: str, hints: Sequence[tuple[str, Hint]]) -> Mapping[str, bool]:
    """Return the answers to several hints by their names, found out by one statement."""
    if not hints:
        return {}
    questions = select(*(hint(asked).label(f"hint_{at}") for at, (_name, hint) in enumerate(hints)))
    answers = session.execute(questions.execution_options(**BY_HAND)).one()
    return {name: bool(answer) for (name, _hint), answer in zip(hints, answers, strict=True)}


def counted(session: Session, ids: Select[Any]) -> tuple[int, bool]:
    """Return how many rows a select of ids has, counted up to MOST_COUNTED, and whether there are more."""
    some = ids.order_by(None).limit(MOST_COUNTED + 1).subquery()
    number = session.scalar(select(func.count()).select_from(some)) or 0
    return min(number, MOST_COUNTED), number > MOST_COUNTED
