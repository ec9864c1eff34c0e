"""The tabs above a list: all of it, ready-made views, what people keep; and which of them is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from shared.i18n import lazy_gettext as _l
from shared.web.context import person
from shared.web.lists import Arguments
from shared.web.views import operations

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class ReadyView:
    """A view that comes with the program."""

    code: str
    name: Any
    query: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A view as a tab: `own` may be changed by who looks, `made_by` says whose it is."""

    code: str
    name: Any
    query: str
    url: str
    own: bool = False
    shared: bool = False
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class ViewTabs:
    """The tabs of a list, the open one, and whether the list shows something else than it by now."""

    tabs: Sequence[Tab]
    here: Tab | None
    changed: bool
    start: str
    query: str

    @property
    def lines(self) -> list[tuple[Any, str, bool, None]]:
        """The tabs as the `tabs` macro takes them."""
        return [(tab.name, tab.url, tab is self.here, None) for tab in self.tabs]

    @property
    def clear_url(self) -> str:
        """The address of the whole list, also for who starts with a view."""
        return self.tabs[0].url


def query_arguments(query: str) -> Arguments:
    """Return what the query of a view says, as an address has it."""
    return MultiDict(parse_qsl(query))


def query_text(args: Arguments) -> str:
    """Return the query of a view that says this."""
    return urlencode([*args.items(multi=True)])


def view_tabs(session: Session, of: str, endpoint: str, ready: Sequence[ReadyView]) -> ViewTabs:
    """Return the tabs of a list for who is signed in, as the address has them."""
    me = person().id
    tabs = [_tab(endpoint, ALL, _l("All"), "")]
    tabs += [_tab(endpoint, one.code, one.name, one.query) for one in ready]
    for view in operations.list_views(session, of, me):
        own = view.owner_id == me
        maker = "" if own else view.made_by
        tabs.append(
            _tab(endpoint, view.id, view.name, view.query, own=own, shared=view.shared, made_by=maker)
        )
    now = operations.kept_query(request.query_string.decode("utf-8", "replace"))
    here = next((tab for tab in tabs if tab.code == request.args.get("view", ALL)), None)
    changed = here is not None and operations.kept_query(here.query) != now
    return ViewTabs(tabs, here, changed, operations.start_of(session, of, me), now)


def start_url(tabs: ViewTabs) -> str | None:
    """Return where a list opens for who asked for nothing special; None when as it stands."""
    if request.args or not tabs.start:
        return None
    chosen = next((tab for tab in tabs.tabs if tab.code == tabs.start), None)
    return chosen.url if chosen is not None and chosen.code != ALL else None


def _tab(endpoint: str, code: str, name: Any, query: str, **more: Any) -> Tab:  # noqa: ANN401 - a lazy text
    url = f"{url_for(endpoint)}?view={code}" + (f"&{query}" if query else "")
    return Tab(code, name, query, url, **more)
