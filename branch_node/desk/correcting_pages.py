"""Correcting one field of a customer in place, as while on a call: without leaving the page, by the form's own checks.

Works without JavaScript too: the link then opens a small form of its own and comes back.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.archive import completing
from branch_node.archive import words as archive_words
from branch_node.customers.changing import changed_values, form_values
from branch_node.customers.confirming import FieldMeanwhileOtherError, confirm_as_seen, seen_of
from branch_node.customers.flags import FIELD_WORDS, told_flags
from branch_node.customers.models import Customer
from branch_node.customers.operations import CustomerChangedMeanwhileError, change_customer
from branch_node.customers.published import check_published, needed_fields
from branch_node.customers.queries import get_customer
from branch_node.desk.pages import FIELD_LABELS, STATUS_TONES, header_of, worded
from branch_node.erased.queries import is_erased, refuse_if_erased
from branch_node.identity.queries import merged_among, refuse_if_merged
from shared.domain.customers.vocabulary import PreferredChannel, ServiceLevel
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import link_allowed, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choices

blueprint = Blueprint("correcting", __name__, template_folder="templates", url_prefix="/customers")

# What is heard on a call. What is decided elsewhere (grade, status, who holds the customer) has forms of its own.
FIELDS: Final = (
    "short_name",
    "mobile",
    "phone",
    "email",
    "wechat",
    "region_code",
    "address",
    "preferred_channel",
    "service_level",
    "remark",
)
# What the list of what is to be confirmed may be asked for.
LIST_ARGUMENTS: Final = ("kind", "manager", "page", "size", "sort")
CHOICES: Final[Mapping[str, type[Vocabulary]]] = {
    "preferred_channel": PreferredChannel,
    "service_level": ServiceLevel,
}


class FieldNotCorrectedError(BranchlineError):
    """The address names no field that is corrected in place."""

    code = "field-not-corrected"
    kind = Kind.NOT_FOUND
    message = N_("This field is not corrected in place. Use the form of the customer.")


class FieldChangedMeanwhileError(BranchlineError):
    """Somebody saved another value of this field after it was opened; nothing was written."""

    code = "field-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_(
        "%(who)s changed this field meanwhile to “%(value)s”, so nothing was saved. Save again to put yours."
    )


@blueprint.get("/<id:customer_id>/correct/<field>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def one(customer_id: str, field: str) -> ResponseReturnValue:
    """Show one field as a small form; `?leave=1` shows it as it stands."""
    _check(field)
    with reading() as session:
        customer = get_customer(session, customer_id)
        if "leave" in request.args:
            return _fact(session, customer, field)
        refuse_if_erased(session, customer.id)
        refuse_if_merged(session, customer.id)
        return _form(session, customer, field, form_values(customer))


@blueprint.post("/<id:customer_id>/correct/<field>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def save(customer_id: str, field: str) -> ResponseReturnValue:
    """Save one field, unless somebody else changed this very field since it was opened."""
    _check(field)
    given = {field: request.form.get(field, "").replace("\r\n", "\n")}
    try:
        with writing() as session:
            _save(session, get_customer(session, customer_id), field, given)
    except ValidationError as refused:
        return _refused(customer_id, field, given, field_errors(refused), 400)
    except (CustomerChangedMeanwhileError, FieldChangedMeanwhileError) as refused:
        return _refused(customer_id, field, given, {field: translate_error(refused)}, STATUS[refused.kind])
    if not _in_place():
        notice(_("Saved."))
        return redirect(url_for("desk.customer_profile", customer_id=customer_id), code=303)
    with reading() as session:
        return _fact(session, get_customer(session, customer_id), field, saved=True)


@blueprint.post("/<id:customer_id>/confirm/<field>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def confirm(customer_id: str, field: str) -> ResponseReturnValue:
    """Write down that what a field says was made sure of today, unless it says something else meanwhile."""
    try:
        with writing() as session:
            customer = get_customer(session, customer_id)
            confirm_as_seen(session, customer, field, seen=request.form.get("seen", ""), by=stamp())
    except FieldMeanwhileOtherError as refused:
        if not _in_place():
            notice(translate_error(refused), kind="problem")
    else:
        if not _in_place():
            notice(_("Confirmed."))
    if not _in_place():
        # From the list of what is to be confirmed one goes on with that list.
        return redirect(_back(customer_id), code=303)
    with reading() as session:
        return _fact(session, get_customer(session, customer_id), field, saved=True)


@blueprint.app_template_global("correctable")
def correctable(customer: Customer) -> dict[str, str]:
    """Return where each field of a customer is corrected in place; nothing for who may not, or when nobody may."""
    if not link_allowed("correcting.one"):
        return {}
    with reading() as session:
        if is_erased(session, customer.id) or merged_among(session, [customer.id]):
            return {}
    return {name: url_for("correcting.one", customer_id=customer.id, field=name) for name in FIELDS}


def _back(customer_id: str) -> str:
    if not (query := request.form.get("back", "")):
        return url_for("desk.customer_profile", customer_id=customer_id)
    kept: dict[str, Any] = {name: value for name, value in parse_qsl(query) if name in LIST_ARGUMENTS}
    return url_for("upkeep.index", **kept)


def _save(session: Session, customer: Customer, field: str, given: Mapping[str, str]) -> None:
    # Held from here: what was compared is what is changed.
    session.refresh(customer, with_for_update=True)
    stored = form_values(customer)
    if request.form.get("seen") != seen_of(stored[field]) and stored[field] != given[field].strip():
        raise FieldChangedMeanwhileError(
            who=customer.updated_by, value=worded(field, getattr(customer, field), {})
        )
    values = changed_values(given, stored)
    check_published(session, values, customer, now=stamp().at)
    change_customer(session, customer.id, values, seen_at=customer.updated_at, by=stamp())


def _check(field: str) -> None:
    if field not in FIELDS:
        raise FieldNotCorrectedError


def _in_place() -> bool:
    return "HX-Request" in request.headers


def _form(
    session: Session,
    customer: Customer,
    field: str,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "desk/_correct.html" if _in_place() else "desk/correct.html",
        customer=customer,
        field=field,
        name=FIELD_LABELS[field],
        values=values,
        errors=errors or {},
        seen=seen_of(form_values(customer)[field]),
        options=choices(CHOICES[field]) if field in CHOICES else None,
        needed=field in needed_fields(session, now=stamp().at),
    )


def _refused(
    customer_id: str, field: str, given: Mapping[str, str], errors: Mapping[str, str], status: int
) -> ResponseReturnValue:
    with reading() as session:
        page = _form(session, get_customer(session, customer_id), field, given, errors)
    # In place the form is put back with its sentence, which is done with good answers alone.
    return page, 200 if _in_place() else status


def _fact(session: Session, customer: Customer, field: str, *, saved: bool = False) -> str:
    return render_template(
        "desk/_corrected.html",
        header=header_of(session, customer.id) if saved else None,
        tones=STATUS_TONES,
        customer=customer,
        field=field,
        name=FIELD_LABELS[field],
        value=worded(field, getattr(customer, field), {}),
        flags=told_flags(session, customer),
        saved=saved,
        complete=completing.completeness_of(session, customer, stamp().at, runtime().settings.timezone)
        if saved
        else None,
        field_word=archive_words.field_word,
        field_words=FIELD_WORDS,
    )
