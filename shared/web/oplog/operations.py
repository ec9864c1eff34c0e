"""Keeping, renaming and removing combinations; what anybody prints or takes out of the log is itself told in it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.errors import N_, BranchlineError, Kind
from shared.stamp import Stamp
from shared.web.oplog.models import NAME_LENGTH, LogView

MOST_QUERY: Final = 4_000
MOST_VIEWS: Final = 100


class ViewNotFoundError(BranchlineError):
    """There is no such combination, or it is somebody else's."""

    code = "log-view-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such view, or it is somebody else's.")


class ViewNameError(BranchlineError):
    """A combination needs a name of its own."""

    code = "log-view-name"
    kind = Kind.INVALID
    message = N_("Give the view a name of 1 to %(most)s characters that you have not used yet.")


class TooManyViewsError(BranchlineError):
    """Somebody keeps more combinations than anybody finds anything among."""

    code = "log-views-full"
    kind = Kind.CONFLICT
    message = N_("You keep %(most)s views already; remove one first.")


def list_views(session: Session, owner_id: str) -> list[LogView]:
    """Return the combinations somebody may open, his own first, by name."""
    seen = select(LogView).where(or_(LogView.owner_id == owner_id, LogView.shared.is_(True)))
    mine = LogView.owner_id == owner_id
    return list(session.scalars(seen.order_by(mine.desc(), LogView.name, LogView.id).limit(2 * MOST_VIEWS)))


def keep_view(session: Session, owner_id: str, name: str, query: str, *, shared: bool, by: Stamp) -> LogView:
    """Keep a combination under a name; raises ViewNameError and TooManyViewsError."""
    mine = [view for view in list_views(session, owner_id) if view.owner_id == owner_id]
    if len(mine) >= MOST_VIEWS:
        raise TooManyViewsError(most=MOST_VIEWS)
    view = LogView(
        owner_id=owner_id,
        name=_checked(name, mine),
        query=query[:MOST_QUERY],
        shared=shared,
        made_at=by.at,
        made_by=by.actor,
    )
    session.add(view)
    session.flush()
    record(session, "log-view.added", subject=("log_view", view.id), by=by, details=_told(view))
    return view


def rename_view(session: Session, owner_id: str, view_id: str, name: str, *, shared: bool, by: Stamp) -> None:
    """Give a combination of one's own another name, and say who may open it; raises as `keep_view` does."""
    view = _own(session, owner_id, view_id)
    others = [one for one in list_views(session, owner_id) if one.owner_id == owner_id and one is not view]
    before = _told(view)
    view.name, view.shared = _checked(name, others), shared
    details = {"before": before, "after": _told(view)}
    record(session, "log-view.changed", subject=("log_view", view.id), by=by, details=details)


def remove_view(session: Session, owner_id: str, view_id: str, *, by: Stamp) -> None:
    """Remove a combination of one's own; raises ViewNotFoundError."""
    view = _own(session, owner_id, view_id)
    record(session, "log-view.removed", subject=("log_view", view.id), by=by, details=_told(view))
    session.delete(view)


def tell_taken(session: Session, event: str, *, rows: int, conditions: Mapping[str, str], by: Stamp) -> None:
    """Write down that entries were printed or exported (`log.printed`, `log.exported`), which and how many."""
    record(session, event, subject=None, by=by, details={"rows": rows, "conditions": dict(conditions)})


def tell_opened(session: Session, subject: tuple[str, str], *, entries: int, by: Stamp) -> None:
    """Write down that personal values of a record were read in the log, from how many entries."""
    record(session, "log.viewed", subject=subject, by=by, details={"entries": entries})


def _own(session: Session, owner_id: str, view_id: str) -> LogView:
    found = session.get(LogView, view_id, with_for_update=True)
    if found is None or found.owner_id != owner_id:
        raise ViewNotFoundError
    return found


def _checked(name: str, others: list[LogView]) -> str:
    given = " ".join(name.split())
    if not 1 <= len(given) <= NAME_LENGTH or given in {view.name for view in others}:
        raise ViewNameError(most=NAME_LENGTH)
    return given


def _told(view: LogView) -> dict[str, object]:
    return {"name": view.name, "shared": view.shared}
