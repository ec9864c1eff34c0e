"""The search box: results by kind, all results of one kind, and suggestions while one types."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.db.search_followed import look_ahead
from shared.db.snapshot import once
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading
from shared.web.finding.finder import Finder, Found, Hint, Hit, hinted
from shared.web.lists import text_argument
from shared.web.paging import Page, PageRequest

OFFERED: Final = 5
SHOWN: Final = 8
LONGEST: Final = 100
# The record that words name beyond doubt, among the kinds that have hints.
SURE: Final = "sure"


@dataclass(frozen=True)
class Box:
    """What an app says of its search box.

    `sure` makes the address of the record that words name beyond doubt, or nothing; `sure_hint` is to it what a
    finder's hint is to finding. `recent` is what is offered before anything is typed. `beyond` tells in sentences of
    what exists out of sight of who asks; it is asked on the page of results only, never while one types. `foot` is a
    template below the results, given what `about` says.
    """

    finders: Sequence[Finder]
    sure: Callable[[Session, str], str | None] = lambda _session, _asked: None
    recent: Callable[[Session], Sequence[Hit]] = lambda _session: ()
    sure_hint: Hint | None = None
    beyond: Callable[[str], Sequence[str]] = lambda _asked: ()
    foot: str = ""
    about: Callable[[Session], Mapping[str, Any]] = field(default=lambda _session: {})
    new: str = ""

    def search(self, session: Session, asked: str, limit: int) -> list[tuple[Finder, Found]]:
        """Return the hits of each kind that who asks may read and that has any."""
        allowed = self._allowed()
        look_ahead(session, asked, [index for one in allowed for index in one.indexes])
        answers = self._answers(session, asked)
        found = ((one, one.find(session, asked, limit, 0)) for one in allowed if answers.get(one.code, True))
        return [(one, hits) for one, hits in found if hits.hits]

    def named(self, session: Session, asked: str) -> str | None:
        """Return the address of the record that words name beyond doubt, if they do."""
        return self.sure(session, asked) if self._answers(session, asked).get(SURE, True) else None

    def _allowed(self) -> list[Finder]:
        return [one for one in self.finders if may(one.resource, Action.READ)]

    def _answers(self, session: Session, asked: str) -> Mapping[str, bool]:
        """Return the answers to the hints there are, by kind."""
        hints = [(one.code, one.hint) for one in self._allowed() if one.hint is not None]
        if self.sure_hint is not None:
            hints.append((SURE, self.sure_hint))
        return once(session, hinted, asked, tuple(hints))


def finding_blueprint(box: Box) -> Blueprint:
    """Return the pages of the search box over the kinds of records an app names."""
    blueprint = Blueprint("finding", __name__, template_folder="templates", url_prefix="/search")
    pages = _Pages(box)
    for rule, view in (("", pages.index), ("/offers", pages.offers), ("/<kind>", pages.kind)):
        blueprint.add_url_rule(rule, view.__name__, _guarded(view))
    return blueprint


def _guarded(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    @wraps(view)
    def called(**values: object) -> ResponseReturnValue:
        return view(**values)

    return requires(Resource.CUSTOMER, Action.READ)(called)


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind, with the way to all of them."""

    finder: Finder
    found: Found
    url: str


class _Pages:
    """The views, over what the app says of its records."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def index(self) -> ResponseReturnValue:
        """Show what is found, by kind; a record that is named beyond doubt opens at once."""
        asked = _asked()
        with reading() as session:
            sure = self._box.named(session, asked) if asked else None
            if sure is not None:
                return redirect(sure)
            groups = self._groups(session, asked, SHOWN)
            recent = [] if asked else self._box.recent(session)
            about = self._box.about(session)
        return render_template(
            "finding/index.html",
            asked=asked,
            groups=groups,
            recent=recent,
            beyond=self._box.beyond(asked) if asked else (),
            box=self._box,
            **about,
        )

    def offers(self) -> str:
        """Offer hits while one types, and before that what was opened lately; the box works without."""
        asked = _asked()
        with reading() as session:
            groups = self._groups(session, asked, OFFERED)
            recent = [] if asked else self._box.recent(session)
        return render_template("finding/offers.html", asked=asked, groups=groups, recent=recent)

    def kind(self, kind: str) -> ResponseReturnValue:
        """Show all results of one kind, a page at a time."""
        finder = next((one for one in self._box.finders if one.code == kind), None)
        if finder is None or not may(finder.resource, Action.READ):
            abort(404)
        asked = _asked()
        if finder.listed is not None:
            return redirect(finder.listed(asked))
        wanted = PageRequest.from_query(("best",), default="best")
        with reading() as session:
            found = (
                finder.find(session, asked, wanted.size, (wanted.number - 1) * wanted.size)
                if asked
                else Found((), 0)
            )
            about = self._box.about(session)
        page = Page(found.hits, found.total, wanted)
        return render_template(
            "finding/kind.html", asked=asked, finder=finder, found=found, page=page, box=self._box, **about
        )

    def _groups(self, session: Session, asked: str, limit: int) -> list[Group]:
        if not asked:
            return []
        found = self._box.search(session, asked, limit)
        return [Group(one, hits, _all_of(one, asked)) for one, hits in found]


def _all_of(finder: Finder, asked: str) -> str:
    if finder.listed is not None:
        return finder.listed(asked)
    return url_for("finding.kind", kind=finder.code, q=asked)


def _asked() -> str:
    return text_argument("q")[:LONGEST]
