"""The versions of a contact person: which values every field had since when, and one brought back."""

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from branch_node.archive import words
from branch_node.archive.restoring import restore_contact
from branch_node.archive.versions import CONTACT, Version, spans_of, version_no, versions_of
from branch_node.contacts.operations import OWN_NUMBER, ContactChangedMeanwhileError, ContactNumberTakenError
from branch_node.contacts.queries import get_contact
from branch_node.customers.models import Contact
from branch_node.customers.queries import get_customer
from shared.db.base import Base, instant_text
from shared.db.personal import MASKED, class_of, mask
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import field_errors, notice

CONTACTS: Final = Base.metadata.tables[Contact.__tablename__]
blueprint = Blueprint(
    "contact_history", __name__, template_folder="templates", url_prefix="/contacts/<id:contact_id>/history"
)


@blueprint.get("")
@requires(Resource.CONTACT, Action.READ)
def index(contact_id: str) -> str:
    """Show every version of a contact person, the present one first."""
    return _page(contact_id)


@blueprint.post("/<int:number>/restoration")
@requires(Resource.CONTACT, Action.UPDATE)
def restore(contact_id: str, number: int) -> ResponseReturnValue:
    """Give a contact person the values of this version again."""
    try:
        seen_at = datetime.fromisoformat(request.form.get("seen_at", ""))
    except ValueError:
        return _page(contact_id, problems=[_("Please open the form again.")]), 400
    version = version_no(told_versions(contact_id), number)
    try:
        with writing() as session:
            contact = get_contact(session, contact_id)
            fields = restore_contact(session, contact, version, seen_at=seen_at, by=stamp())
    except ValidationError as refused:
        told = field_errors(refused)
        problems = [f"{words.field_word(name)}: {text}" if name else text for name, text in told.items()]
        return _page(contact_id, problems=problems), 400
    except (ContactNumberTakenError, ContactChangedMeanwhileError) as refused:
        return _page(contact_id, problems=[translate_error(refused)]), 409
    named = _(", ").join(words.field_word(name) for name in fields)
    notice(
        _("Brought back: %(fields)s.", fields=named)
        if fields
        else _("Nothing differed; nothing was changed.")
    )
    return redirect(url_for("contact_history.index", contact_id=contact_id), code=303)


def told_versions(contact_id: str) -> list[Version]:
    """Return every version of a contact person whom this person sees; raises ContactNotFoundError."""
    with reading() as session:
        get_contact(session, contact_id)
    # Of the operation log some see only what they did themselves: a history is whole or wrong.
    with reading(as_node=True) as session:
        return versions_of(session, get_contact(session, contact_id), CONTACT)


def shown_value(field: str, value: Any) -> Any:  # noqa: ANN401 - a value of a version
    """Return a value of a version as this person may see it."""
    kind = class_of(CONTACTS.c[field]) if "contact" in MASKED.get() else None
    return mask(kind, value) if kind is not None and isinstance(value, str) else value


def _page(contact_id: str, problems: list[str] | None = None) -> str:
    with reading() as session:
        contact = get_contact(session, contact_id)
        customer = get_customer(session, contact.customer_id)
    versions = told_versions(contact_id)
    # Nobody has to look at a number we made.
    left_out = {"contact_no"} if contact.contact_no.startswith(OWN_NUMBER) else set()

    def shown(field: str, value: Any) -> str:  # noqa: ANN401 - a value of a version
        return words.contact_word(field, shown_value(field, value))

    return render_template(
        "archive/contact_history.html",
        contact=contact,
        customer=customer,
        versions=versions,
        spans={name: values for name, values in spans_of(versions).items() if name not in left_out},
        left_out=left_out,
        problems=problems or [],
        seen_at=instant_text(contact.updated_at),
        field_word=words.field_word,
        value_word=shown,
        source_word=words.source_word,
        events=words.EVENTS,
    )
