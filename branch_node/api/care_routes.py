"""What hangs on a customer, for programs: contact people, moves, shares, versions of the file, what is to confirm."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import schemas
from branch_node.api.customer_routes import shown_answer
from branch_node.archive.history_pages import seen_customer, shown_value, told_versions
from branch_node.archive.restoring import restore as bring_back
from branch_node.archive.versions import Version, version_no
from branch_node.contacts import operations as contact_operations
from branch_node.contacts import queries as contacts
from branch_node.contacts.schemas import ContactForm
from branch_node.customers import moves, sharing
from branch_node.customers.confirming import FieldNotConfirmedError, confirm_as_seen, seen_of
from branch_node.customers.flags import told_flags
from branch_node.customers.models import Contact, CustomerMove, FieldAge
from branch_node.customers.queries import get_customer
from shared.domain.calendar import day_bounds, local_day
from shared.domain.customers.vocabulary import LifecycleStage, MoveOf, ValueTier
from shared.domain.form_fields import NOT_A_DAY, NOT_LISTED
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import reading, runtime, stamp, writing

blueprint = Blueprint("api_care", __name__, url_prefix="/api/v1")
GOALS: Final[dict[tuple[str, str], LifecycleStage | ValueTier]] = {
    (what.value, one.value): one
    for what, of in ((MoveOf.STAGE, LifecycleStage), (MoveOf.TIER, ValueTier))
    for one in of
}


@blueprint.get("/customers/<id:customer_id>/contacts")
@requires(Resource.CONTACT, Action.READ)
@describe(
    _l("List the contact people of a customer"),
    answer=schemas.Contact,
    many=True,
    needs=[(Resource.CUSTOMER, Action.READ)],
)
def contact_people(customer_id: str) -> Response:
    """List whom to speak to."""
    with reading() as session:
        found = contacts.list_contacts(session, get_customer(session, customer_id).id)
        shown = [asking.dumped(schemas.Contact(), one) for one in found]
    take_rows(len(shown), "contact")
    return asking.many(shown)


@blueprint.post("/customers/<id:customer_id>/contacts")
@requires(Resource.CONTACT, Action.CREATE)
@describe(
    _l("Enter a contact person"), answer=schemas.Contact, body=schemas.SentContact, status=201, once=True
)
def add_contact(customer_id: str) -> Response:
    """Enter a contact person of a customer."""
    with writing() as session:
        get_customer(session, customer_id)
        values = ContactForm().load(asking.body(schemas.SentContact()))
        return once(
            session,
            lambda: contact_operations.add_contact(session, customer_id, values, by=stamp()).id,
            lambda at: contact_answer(session, at, status=201),
        )


@blueprint.get("/contacts/<id:contact_id>")
@requires(Resource.CONTACT, Action.READ)
@describe(_l("Read a contact person; the ETag is for changing it"), answer=schemas.Contact)
def one_contact(contact_id: str) -> Response:
    """Show a contact person."""
    with reading() as session:
        answer = contact_answer(session, contact_id)
    take_rows(1, "contact")
    return answer


@blueprint.put("/contacts/<id:contact_id>")
@requires(Resource.CONTACT, Action.UPDATE)
@describe(_l("Save a contact person whole"), answer=schemas.Contact, body=schemas.SentContact, versioned=True)
def change_contact(contact_id: str) -> Response:
    """Save a contact person, unless somebody else did since it was read."""
    with writing() as session:
        contact = contacts.get_contact(session, contact_id)
        values = ContactForm().load(asking.body(schemas.SentContact()))
        asking.version(contact.updated_at)
        contact_operations.change_contact(session, contact_id, values, seen_at=contact.updated_at, by=stamp())
        return contact_answer(session, contact_id)


@blueprint.get("/customers/<id:customer_id>/moves")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List moves between stages and tiers"), answer=schemas.Move, many=True)
def list_moves(customer_id: str) -> Response:
    """List where a customer moved, the latest first."""
    with reading() as session:
        found = moves.list_moves(session, get_customer(session, customer_id).id, most=asking.MOST_AT_ONCE)
        return asking.many([asking.dumped(schemas.Move(), one) for one in found])


@blueprint.post("/customers/<id:customer_id>/moves")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Move a customer to another stage or tier"),
    answer=schemas.Move,
    body=schemas.NewMove,
    status=201,
    once=True,
)
def move(customer_id: str) -> Response:
    """Move a customer."""
    today = local_day(stamp().at, runtime().settings.timezone)
    with writing() as session:
        get_customer(session, customer_id)
        given = asking.body(schemas.NewMove())
        to, on = _goal(given), _day(given["on"], "on")
        return once(
            session,
            lambda: (
                moves.move(
                    session, customer_id, to, on=on, today=today, reason=given["reason"], by=stamp()
                ).id
            ),
            lambda at: asking.one(
                asking.dumped(schemas.Move(), session.get_one(CustomerMove, at)), status=201
            ),
        )


@blueprint.get("/customers/<id:customer_id>/shares")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List with whom a customer is shared"), answer=schemas.Share, many=True)
def list_shares(customer_id: str) -> Response:
    """List who else sees and serves a customer."""
    with reading() as session:
        return asking.many(_shares(session, customer_id))


@blueprint.post("/customers/<id:customer_id>/shares")
@requires(Resource.CUSTOMER_SHARE, Action.CREATE)
@describe(_l("Share a customer"), answer=schemas.Share, body=schemas.NewShare, many=True, once=True)
def share(customer_id: str) -> Response:
    """Share a customer with another account manager; sharing again sets the end anew."""
    with writing() as session:
        get_customer(session, customer_id)
        given = asking.body(schemas.NewShare())
        if not is_id(given["manager_id"]):
            raise ValidationError({"manager_id": [NOT_LISTED]})
        ends_at = _end_of(given["until"]) if given.get("until") else None

        def do() -> str:
            sharing.share_customer(session, customer_id, given["manager_id"], ends_at=ends_at, by=stamp())
            session.flush()
            return customer_id

        return once(session, do, lambda at: asking.many(_shares(session, at)))


@blueprint.delete("/customers/<id:customer_id>/shares/<id:manager_id>")
@requires(Resource.CUSTOMER_SHARE, Action.RETIRE)
@describe(_l("Take a shared customer back"), answer=schemas.Share, body=schemas.Nothing, many=True)
def end_share(customer_id: str, manager_id: str) -> Response:
    """Take a customer back from whom it was shared with."""
    with writing() as session:
        get_customer(session, customer_id)
        asking.body(schemas.Nothing())
        sharing.end_share(session, customer_id, manager_id, by=stamp())
        session.flush()
        return asking.many(_shares(session, customer_id))


@blueprint.get("/customers/<id:customer_id>/versions")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List the versions of a customer's file"), answer=schemas.Version, many=True)
def list_versions(customer_id: str) -> Response:
    """List when a file was changed, by whom, and in which fields."""
    return asking.many([shown_version(one) for one in told_versions(seen_customer(customer_id).id)])


@blueprint.get("/customers/<id:customer_id>/versions/<int:number>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read what a version of a customer's file said"), answer=schemas.WholeVersion)
def one_version(customer_id: str, number: int) -> Response:
    """Show one version with what each field said then."""
    version = version_no(told_versions(seen_customer(customer_id).id), number)
    take_rows(1, "customer")
    return whole_version(version, shown_value)


@blueprint.post("/customers/<id:customer_id>/versions/<int:number>/restoration")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Give a customer the values of an earlier version again"),
    answer=schemas.Customer,
    body=schemas.Nothing,
    versioned=True,
)
def restore_version(customer_id: str, number: int) -> Response:
    """Bring an earlier version back, unless somebody saved the customer since it was read."""
    version = version_no(told_versions(seen_customer(customer_id).id), number)
    asking.body(schemas.Nothing())
    with writing() as session:
        customer = get_customer(session, customer_id)
        asking.version(customer.updated_at)
        bring_back(session, customer, version, seen_at=customer.updated_at, by=stamp())
        return shown_answer(session, customer_id)


@blueprint.get("/customers/<id:customer_id>/flags")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("List the fields of a customer that are stale or contradict something"), answer=schemas.Flag, many=True
)
def list_flags(customer_id: str) -> Response:
    """List what of a customer is to be confirmed."""
    with reading() as session:
        told = told_flags(session, get_customer(session, customer_id))
        return asking.many(
            [
                asking.dumped(schemas.Flag(exclude=("same",)), one.flag)
                | {"same": [each.id for each in one.same]}
                for flags in told.values()
                for one in flags
            ]
        )


@blueprint.post("/customers/<id:customer_id>/confirmations")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Say that what a field of a customer says is still so"),
    answer=schemas.Confirmed,
    body=schemas.NewConfirmation,
    status=201,
    once=True,
)
def confirm(customer_id: str) -> Response:
    """Write down that a field was made sure of today, unless it says something else than what was sent."""
    with writing() as session:
        customer = get_customer(session, customer_id)
        given = asking.body(schemas.NewConfirmation())
        field, seen = given["field"], seen_of(given["value"])

        def do() -> str:
            try:
                confirm_as_seen(session, customer, field, seen=seen, by=stamp())
            except FieldNotConfirmedError as refused:
                raise ValidationError({"field": [translate_error(refused)]}) from None
            return customer.id

        def show(at: str) -> Response:
            age = session.get_one(FieldAge, (at, field))
            return asking.one(asking.dumped(schemas.Confirmed(), age), status=201)

        return once(session, do, show)


def shown_version(version: Version) -> dict[str, Any]:
    """Return when a version came to be, by whom, and what it changed."""
    changed = [change.field for change in version.changes]
    return {"number": version.no, "at": version.at.isoformat(), "by": version.by, "changed": changed}


def whole_version(version: Version, shown: Callable[[str, Any], Any]) -> Response:
    """Answer with what each field said in a version, as far as somebody can still tell."""
    values = {name: shown(name, value) for name, value in version.state.items() if name not in version.hidden}
    return asking.one(shown_version(version) | {"values": values, "unknown": sorted(version.hidden)})


def contact_answer(session: Session, contact_id: str, *, status: int = 200) -> Response:
    """Answer with a contact person and the ETag for changing them."""
    found: Contact = contacts.get_contact(session, contact_id)
    return asking.one(asking.dumped(schemas.Contact(), found), status=status, at=found.updated_at)


def _shares(session: Session, customer_id: str) -> list[dict[str, Any]]:
    get_customer(session, customer_id)
    rows = sharing.list_shares(session, customer_id, now=stamp().at)
    return [
        {**asking.dumped(schemas.Share(only=("manager_id", "shared_at", "shared_by", "ends_at")), row[0])}
        | {"name": row.name}
        for row in rows
    ]


def _goal(given: dict[str, Any]) -> LifecycleStage | ValueTier:
    try:
        return GOALS[given["what"], given["to"]]
    except KeyError:
        raise ValidationError({"to": [NOT_LISTED]}) from None


def _day(given: str, name: str) -> date:
    try:
        return date.fromisoformat(given.strip())
    except ValueError:
        raise ValidationError({name: [NOT_A_DAY]}) from None


def _end_of(given: str) -> datetime:
    try:
        return day_bounds(_day(given, "until"), runtime().settings.timezone)[1]
    except OverflowError:
        raise ValidationError({"until": [NOT_A_DAY]}) from None
