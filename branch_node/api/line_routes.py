"""What happened with a customer in the order of time, and the group it belongs to, for programs."""

from collections.abc import Collection
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import record_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.customers import groups
from branch_node.customers.queries import get_customer
from branch_node.desk import timeline
from branch_node.desk.timeline import OPENS, Entry, EntryKind, Place, Topic
from shared.audit.vocabulary import LogAction
from shared.domain.customers.vocabulary import ParentKind
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import may, reading, runtime, stamp, writing
from shared.web.lists import code_arguments
from shared.web.oplog.queries import changes_of

blueprint = Blueprint("api_line", __name__, url_prefix="/api/v1/customers")
# A token opens the operation log apart from the customers; it reads changes through its owner's eyes.
LOGGED = (Resource.OPERATION_LOG, Action.READ)
TOLD = (EntryKind.CHANGE, EntryKind.PERSON, EntryKind.DOCUMENT)
KINDS = {one.value: one for one in EntryKind}


@blueprint.get("/<id:customer_id>/timeline")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("List what happened with a customer, the latest first"),
    answer=schemas.LineEntry,
    query=(
        Query("kind", _l("Kind"), [one.value for one in EntryKind], several=True),
        Query("topic", _l("Topic"), [one.value for one in Topic], several=True),
        *PAGED,
    ),
    many=True,
    also=[*OPENS.values(), LOGGED],
    needs=[(Resource.MANAGER, Action.READ)],
)
def line(customer_id: str) -> Response:
    """List what happened with a customer, a page at a time."""
    asked = code_arguments("kind", EntryKind) or tuple(EntryKind)
    kinds = [kind for kind in asked if _opened(kind)]
    topics = code_arguments("topic", Topic)
    with reading() as session:
        customer = get_customer(session, customer_id)
        entries, further = _entries(session, customer.id, kinds, topics)
        shown = [_shown(entry) for entry in entries]
    take_rows(len(shown), "customer")
    return asking.many(shown, next_=asking.cursor(further.text) if further else None)


@blueprint.get("/<id:customer_id>/group")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read the group of a customer; the ETag is for placing it"), answer=schemas.Group)
def group(customer_id: str) -> Response:
    """Show who stands above a customer and who right below."""
    with reading() as session:
        answer = _group(session, customer_id)
    take_rows(1, "customer")
    return answer


@blueprint.put("/<id:customer_id>/group")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(
    _l("Place a customer in a group, or in none"),
    answer=schemas.Group,
    body=schemas.Place,
    versioned=True,
)
def place(customer_id: str) -> Response:
    """Put a customer below a group customer of this branch, or below none."""
    with writing() as session:
        customer = get_customer(session, customer_id)
        given = asking.as_form(asking.body(schemas.Place()))
        asking.version(customer.updated_at)
        kind = ParentKind.meant_by(given.get("parent_kind", ""))
        groups.place(session, customer_id, given["parent_no"].strip(), kind, by=stamp())
        return _group(session, customer_id)


def _opened(kind: EntryKind) -> bool:
    return (kind not in OPENS or may(*OPENS[kind])) and (kind not in TOLD or may(*LOGGED))


def _entries(
    session: Session, customer_id: str, kinds: Collection[EntryKind], topics: Collection[Topic]
) -> tuple[list[Entry], Place | None]:
    place_, zone = asking.place(1), runtime().settings.timezone
    before = Place.of(place_[0] or "") if place_ else None
    if place_ and before is None:
        raise ValidationError({"after": [asking.NOT_A_CURSOR]})
    their = timeline.line_of(session, customer_id, timezone=zone)
    return timeline.list_entries(their, kinds=kinds, topics=topics, before=before, limit=asking.size())


def _shown(entry: Entry) -> dict[str, Any]:
    row, kind = entry.row, KINDS[entry.place.kind]
    told: dict[str, Any] = {"text": None, "amount_minor": None, "currency": None, "who": entry.who}
    told["changed"] = []
    if kind is EntryKind.WORK:
        told |= {"record_id": row.id, "what": row.kind.value, "text": row.text}
    elif kind is EntryKind.MONEY:
        told |= {"record_id": row.id, "what": row.kind.value, "text": f"{row.bill_no} {row.product}"}
        told |= {"amount_minor": row.amount_minor, "currency": row.currency}
    elif kind is EntryKind.UNIT:
        told |= {"record_id": row.unit_id, "what": row.kind.value, "text": row.text}
    elif kind is EntryKind.OFFER:
        told |= {"record_id": row.id, "what": f"{row.offer_code}:{row.step.value}", "text": row.reason}
        told |= {"who": row.created_by}
    elif kind is EntryKind.ANSWER:
        told |= {"record_id": row.id, "what": f"{row.question_code}:{row.answer}", "text": row.note}
        told |= {"who": row.created_by}
    elif kind is EntryKind.MOVE:
        told |= {"record_id": row.id, "what": f"{row.what.value}:{row.after or 'none'}", "text": row.reason}
        told |= {"who": row.made_by}
    else:
        told |= {"record_id": str(row.id), "what": row.event, "who": row.actor, "text": entry.who}
        told["changed"] = [
            name for name in changes_of(row) if row.action is LogAction.CHANGE and name not in entry.apart
        ]
    return {"kind": kind.value, "at": entry.place.at.isoformat(), **told}


def _group(session: Session, customer_id: str) -> Response:
    customer = get_customer(session, customer_id)
    members = groups.list_members(session, customer.id)
    shown = {
        "customer_id": customer.id,
        "parent_id": customer.parent_id,
        "parent_kind": customer.parent_kind,
        "above": groups.list_above(session, customer),
        "members": members,
        "members_total": members.total,
    }
    return asking.one(asking.dumped(schemas.Group(), shown), at=customer.updated_at)
