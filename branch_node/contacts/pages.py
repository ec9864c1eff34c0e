"""Contact people: adding and editing one. Their list is a part of the customer's page, which is the desk's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from branch_node.contacts import operations, queries
from branch_node.contacts.operations import ContactChangedMeanwhileError, ContactNumberTakenError
from branch_node.contacts.schemas import ContactForm
from branch_node.customers.models import Contact, Customer
from branch_node.customers.queries import get_customer
from branch_node.erased.queries import refuse_if_erased
from shared.db.base import instant_text
from shared.domain.contacts.rules import CHANNELS
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import PreferredChannel
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice, stored_otherwise
from shared.web.lists import choices

blueprint = Blueprint("contacts", __name__, template_folder="templates")


@blueprint.get("/customers/<id:customer_id>/contacts/new")
@requires(Resource.CONTACT, Action.CREATE)
def new(customer_id: str) -> str:
    """Show the empty form."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        refuse_if_erased(session, customer.id)
        start = {"standing": ContactStanding.ORDINARY.value, "status": ContactStatus.ACTIVE.value}
        return _form(customer, None, start)


@blueprint.post("/customers/<id:customer_id>/contacts")
@requires(Resource.CONTACT, Action.CREATE)
def add(customer_id: str) -> ResponseReturnValue:
    """Enter a contact person."""
    given = _given()
    try:
        values = ContactForm().load(given)
        with writing() as session:
            contact = operations.add_contact(session, customer_id, values, by=stamp())
            name = contact.name
    except (ValidationError, ContactNumberTakenError) as refused:
        with reading() as session:
            page = _form(get_customer(session, customer_id), None, given, _errors(refused))
        return page, _status(refused)
    notice(_("%(name)s is entered.", name=name))
    return redirect(url_for("file.contacts", customer_id=customer_id), code=303)


@blueprint.get("/contacts/<id:contact_id>")
@requires(Resource.CONTACT, Action.UPDATE)
def edit(contact_id: str) -> str:
    """Show the form filled with what we know."""
    with reading() as session:
        contact = queries.get_contact(session, contact_id)
        refuse_if_erased(session, contact.customer_id)
        return _form(get_customer(session, contact.customer_id), contact, _values(contact))


@blueprint.post("/contacts/<id:contact_id>")
@requires(Resource.CONTACT, Action.UPDATE)
def change(contact_id: str) -> ResponseReturnValue:
    """Save what the form says, unless somebody was faster."""
    given = _given()
    try:
        values = ContactForm().load(given)
        seen_at = _seen_at(given.get("seen_at", ""))
        with writing() as session:
            contact = operations.change_contact(session, contact_id, values, seen_at=seen_at, by=stamp())
            name, customer_id = contact.name, contact.customer_id
    except (ValidationError, ContactNumberTakenError, ContactChangedMeanwhileError) as refused:
        with reading() as session:
            found = queries.get_contact(session, contact_id)
            theirs = None
            if isinstance(refused, ContactChangedMeanwhileError):
                # The form keeps what the person wrote and now rests on the latest version, which is shown.
                theirs = stored_otherwise(_values(found), given)
                del given["seen_at"]
            page = _form(get_customer(session, found.customer_id), found, given, _errors(refused), theirs)
        return page, _status(refused)
    notice(_("%(name)s is saved.", name=name))
    return redirect(url_for("file.contacts", customer_id=customer_id), code=303)


def _form(
    customer: Customer,
    contact: Contact | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    theirs: Sequence[tuple[str, str]] | None = None,
) -> str:
    return render_template(
        "contacts/form.html",
        customer=customer,
        contact=contact,
        values=values,
        errors=errors or {},
        theirs=theirs,
        seen_at=values.get("seen_at") or (instant_text(contact.updated_at) if contact else ""),
        roles=choices(ContactRole),
        standings=choices(ContactStanding),
        statuses=choices(ContactStatus),
        preferred=choices(PreferredChannel),
        channels=choices(CHANNELS),
    )


def _values(contact: Contact) -> dict[str, Any]:
    shown = {name: getattr(contact, name) for name in operations.EDITABLE}
    # Nobody has to look at a number we made.
    if contact.contact_no.startswith(operations.OWN_NUMBER):
        shown["contact_no"] = ""
    return shown


def _given() -> dict[str, Any]:
    return {**request.form.to_dict(), "do_not_contact": request.form.getlist("do_not_contact")}


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None


def _errors(
    refused: ValidationError | ContactNumberTakenError | ContactChangedMeanwhileError,
) -> dict[str, str]:
    if isinstance(refused, ContactNumberTakenError):
        return {"contact_no": translate_error(refused)}
    return field_errors(refused)


def _status(refused: ValidationError | ContactNumberTakenError | ContactChangedMeanwhileError) -> int:
    return 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
