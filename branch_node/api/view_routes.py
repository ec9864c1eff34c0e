"""Views of the list of customers that people keep, for programs: keeping, changing, removing, bringing back."""

from typing import Any

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from branch_node.api import view_schemas as schemas
from branch_node.api.customer_filters import arguments, filters_of
from branch_node.api.schemas import Nothing
from branch_node.customers.listing import COLUMNS, GROUPED, READY, VIEWED
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import may, person, reading, stamp, writing
from shared.web.gate import ForbiddenError
from shared.web.views import operations as views
from shared.web.views.models import ListView
from shared.web.views.standing import ReadyView, query_arguments, query_text

blueprint = Blueprint("api_customer_views", __name__, url_prefix="/api/v1/customer-views")
# Who may keep a view for everybody, as on the page.
SHARING = (Resource.CUSTOMER, Action.APPROVE)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List the views of the list of customers"), answer=schemas.CustomerView, many=True)
def index() -> Response:
    """List the ready-made views, those of the owner of the token, and those that are kept for everybody."""
    with reading() as session:
        start = views.start_of(session, VIEWED, person().id)
        kept = views.list_views(session, VIEWED, person().id)
        return asking.many([*(_ready(one, start) for one in READY), *(_kept(one, start) for one in kept)])


@blueprint.get("/<id:view_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read a view of the list of customers"), answer=schemas.CustomerView)
def one(view_id: str) -> Response:
    """Show a view."""
    with reading() as session:
        return _view(session, view_id)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Keep a view of the list of customers"),
    answer=schemas.CustomerView,
    body=schemas.SentView,
    status=201,
    once=True,
    also=[SHARING],
)
def keep() -> Response:
    """Keep filters, columns, order and groups under a name."""
    given, query = _given()
    with writing() as session:
        return once(
            session,
            lambda: (
                views.keep_view(
                    session,
                    VIEWED,
                    person().id,
                    given["name"],
                    query,
                    shared=given.get("shared", False),
                    by=stamp(),
                ).id
            ),
            lambda at: _view(session, at, status=201),
        )


@blueprint.put("/<id:view_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Change a view of one's own"), answer=schemas.CustomerView, body=schemas.SentView, also=[SHARING]
)
def change(view_id: str) -> Response:
    """Give a view of one's own another name, other filters or other readers."""
    with writing() as session:
        views.get_view(session, VIEWED, person().id, view_id)
        given, query = _given()
        views.change_view(
            session,
            person().id,
            view_id,
            name=given["name"],
            shared=given.get("shared", False),
            query=query,
            by=stamp(),
        )
        session.flush()
        return _view(session, view_id)


@blueprint.delete("/<id:view_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Remove a view of one's own"), answer=schemas.CustomerView, body=Nothing)
def remove(view_id: str) -> Response:
    """Remove a view; for a month it can be brought back."""
    with writing() as session:
        found = views.get_view(session, VIEWED, person().id, view_id)
        asking.body(Nothing())
        views.remove_view(session, person().id, view_id, by=stamp())
        return asking.one(_kept(found, views.start_of(session, VIEWED, person().id)))


@blueprint.post("/<id:view_id>/return")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Bring a removed view back"), answer=schemas.CustomerView, body=Nothing)
def restore(view_id: str) -> Response:
    """Bring back a view of one's own that was removed."""
    with writing() as session:
        asking.body(Nothing())
        views.restore_view(session, person().id, view_id, by=stamp())
        session.flush()
        return _view(session, view_id)


def _given() -> tuple[dict[str, Any], str]:
    """Return what was sent and the query that says it; raises ForbiddenError for who may keep none for everybody."""
    given = asking.body(schemas.SentView())
    if given.get("shared") and not may(*SHARING):
        raise ForbiddenError
    asked = {**given.get("filters", {}), "columns": given.get("columns", [])}
    asked |= {name: given[name] for name in ("sort", "group") if given.get(name)}
    return given, query_text(arguments(asked))


def _view(session: Session, view_id: str, *, status: int = 200) -> Response:
    start = views.start_of(session, VIEWED, person().id)
    found = views.get_view(session, VIEWED, person().id, view_id)
    return asking.one(_kept(found, start), status=status)


def _ready(view: ReadyView, start: str) -> dict[str, Any]:
    said = {"id": view.code, "name": str(view.name), "ready": True, "own": False, "shared": True}
    return _shown(said | {"starts": view.code == start, "made_by": None, "made_at": None}, view.query)


def _kept(view: ListView, start: str) -> dict[str, Any]:
    said = {"id": view.id, "name": view.name, "ready": False, "own": view.owner_id == person().id}
    said |= {
        "shared": view.shared,
        "starts": view.id == start,
        "made_by": view.made_by,
        "made_at": view.made_at,
    }
    return _shown(said, view.query)


def _shown(said: dict[str, Any], query: str) -> dict[str, Any]:
    asked = query_arguments(query)
    known = [column.name for column in COLUMNS]
    group = asked.get("group")
    found = {
        "filters": filters_of(asked),
        "sort": asked.get("sort"),
        "group": group if group in GROUPED else None,
        "columns": [name for name in asked.getlist("columns") if name in known],
    }
    return asking.dumped(schemas.CustomerView(), said | found)
