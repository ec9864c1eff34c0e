"""Keeping, changing, removing and bringing back views of a list, and choosing the one it opens with."""

from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from marshmallow import ValidationError
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.domain import form_fields
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id
from shared.stamp import Stamp
from shared.web.views.models import NAME_LENGTH, ListStart, ListView

MOST_QUERY: Final = 4_000
MOST_VIEWS: Final = 50
KEPT_REMOVED: Final = timedelta(days=30)
# Which page, and whose name or number was looked for: neither is part of a way of looking at a list.
PASSING: Final = frozenset({"page", "q", "view"})
_NAME: Final = form_fields.text(NAME_LENGTH)


class ListViewNotFoundError(BranchlineError):
    """There is no such view, or it is somebody else's."""

    code = "list-view-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such view, or it is somebody else's.")


class ListViewNameError(BranchlineError):
    """A view needs a name of its own."""

    code = "list-view-name"
    kind = Kind.INVALID
    message = N_("Give the view a name of 1 to %(most)s characters that you have not used yet.")


class TooManyListViewsError(BranchlineError):
    """Somebody keeps more views than anybody finds anything among."""

    code = "list-views-full"
    kind = Kind.CONFLICT
    message = N_("You keep %(most)s views already; remove one first.")


def kept_query(given: str) -> str:
    """Return what of a list's address a view keeps: filters, columns, order and groups, no words and no page."""
    pairs = parse_qsl(given[:MOST_QUERY], keep_blank_values=False)
    return urlencode([(name, value) for name, value in pairs if name not in PASSING])


def list_views(session: Session, of: str, owner_id: str) -> list[ListView]:
    """Return the views of a list that somebody may open, his own first, by name."""
    mine = ListView.owner_id == owner_id
    seen = select(ListView).where(
        ListView.list == of, ListView.removed_at.is_(None), or_(mine, ListView.shared.is_(True))
    )
    return list(session.scalars(seen.order_by(mine.desc(), ListView.name, ListView.id).limit(2 * MOST_VIEWS)))


def get_view(session: Session, of: str, owner_id: str, view_id: str) -> ListView:
    """Return a view of a list that somebody may open; raises ListViewNotFoundError."""
    found = session.get(ListView, view_id) if is_id(view_id) else None
    seen = found is not None and (found.shared or found.owner_id == owner_id)
    if found is None or not seen or found.list != of or found.removed_at is not None:
        raise ListViewNotFoundError
    return found


def start_of(session: Session, of: str, user_id: str) -> str:
    """Return with which view somebody's list opens; nothing where none was chosen."""
    found = session.get(ListStart, (user_id, of))
    return found.view if found else ""


def keep_view(
    session: Session, of: str, owner_id: str, name: str, query: str, *, shared: bool, by: Stamp
) -> ListView:
    """Keep a view under a name; raises ListViewNameError and TooManyListViewsError."""
    mine = _mine(session, of, owner_id)
    if len(mine) >= MOST_VIEWS:
        raise TooManyListViewsError(most=MOST_VIEWS)
    view = ListView(
        list=of,
        owner_id=owner_id,
        name=_checked(name, mine),
        query=kept_query(query),
        shared=shared,
        made_at=by.at,
        made_by=by.actor,
    )
    session.add(view)
    session.flush()
    record(session, "list-view.added", subject=("list_view", view.id), by=by, details=_told(view))
    _forget_old(session, owner_id, by)
    return view


def change_view(
    session: Session,
    owner_id: str,
    view_id: str,
    *,
    name: str,
    shared: bool,
    query: str | None,
    by: Stamp,
) -> ListView:
    """Change a view of one's own: its name, who may open it, and what it shows unless `query` is None."""
    view = _own(session, owner_id, view_id)
    others = [one for one in _mine(session, view.list, owner_id) if one is not view]
    before = _told(view)
    view.name, view.shared = _checked(name, others), shared
    if query is not None:
        view.query = kept_query(query)
    details = {"before": before, "after": _told(view)}
    record(session, "list-view.changed", subject=("list_view", view.id), by=by, details=details)
    return view


def remove_view(session: Session, owner_id: str, view_id: str, *, by: Stamp) -> ListView:
    """Remove a view of one's own; it can be brought back for KEPT_REMOVED."""
    view = _own(session, owner_id, view_id)
    view.removed_at = by.at
    record(session, "list-view.removed", subject=("list_view", view.id), by=by, details=_told(view))
    return view


def restore_view(session: Session, owner_id: str, view_id: str, *, by: Stamp) -> ListView:
    """Bring a removed view back; raises ListViewNameError when its name has been given to another one since."""
    view = _own(session, owner_id, view_id, removed=True)
    _checked(view.name, _mine(session, view.list, owner_id))
    view.removed_at = None
    record(session, "list-view.restored", subject=("list_view", view.id), by=by, details=_told(view))
    return view


def start_with(session: Session, of: str, user_id: str, view: str) -> None:
    """Have somebody's list open with a view from now on; with nothing, as it stands."""
    found = session.get(ListStart, (user_id, of))
    if found is not None and view:
        found.view = view
    elif found is not None:
        session.delete(found)
    elif view:
        session.add(ListStart(user_id=user_id, list=of, view=view))


def _mine(session: Session, of: str, owner_id: str) -> list[ListView]:
    own = select(ListView).where(
        ListView.list == of, ListView.owner_id == owner_id, ListView.removed_at.is_(None)
    )
    return list(session.scalars(own))


def _own(session: Session, owner_id: str, view_id: str, *, removed: bool = False) -> ListView:
    found = session.get(ListView, view_id, with_for_update=True)
    if found is None or found.owner_id != owner_id or (found.removed_at is not None) is not removed:
        raise ListViewNotFoundError
    return found


def _checked(name: str, others: list[ListView]) -> str:
    try:
        given = _NAME(name)
    except ValidationError:
        raise ListViewNameError(field="name", most=NAME_LENGTH) from None
    if not given or given in {view.name for view in others}:
        raise ListViewNameError(field="name", most=NAME_LENGTH)
    return given


def _forget_old(session: Session, owner_id: str, by: Stamp) -> None:
    gone = ListView.removed_at < by.at - KEPT_REMOVED
    session.execute(delete(ListView).where(ListView.owner_id == owner_id, gone))


def _told(view: ListView) -> dict[str, object]:
    return {"name": view.name, "shared": view.shared}
