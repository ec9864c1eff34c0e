"""What somebody changed of a customer, found by comparing a form with what stands."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers.listing import region_text
from branch_node.customers.models import Customer
from branch_node.customers.operations import EDITABLE
from branch_node.customers.schemas import CustomerForm
from branch_node.managers.models import Manager
from shared.domain.contacts.vocabulary import Channel
from shared.domain.vocabulary import Vocabulary
from shared.i18n import gettext as _
from shared.i18n import label
from shared.web.forms import stored_otherwise


def form_values(customer: Customer) -> dict[str, str]:
    """Return a customer as its form shows it."""
    shown = {name: getattr(customer, name) for name in EDITABLE}
    shown["tags"] = _(", ").join(customer.tags)
    shown["do_not_contact"] = ";".join(customer.do_not_contact)
    shown["region_code"] = region_text(customer.region_code or "")
    return {name: "" if value is None else str(value) for name, value in shown.items()}


def changed_meanwhile(
    session: Session, customer: Customer, given: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return what is stored otherwise than a form says, in the reader's words."""
    words = {
        name: label(value) for name in EDITABLE if isinstance(value := getattr(customer, name), Vocabulary)
    }
    words["do_not_contact"] = _(", ").join(
        label(one) for one in Channel if one.value in customer.do_not_contact
    )
    if customer.manager_id:
        held_by = session.get(Manager, customer.manager_id)
        words["manager_id"] = held_by.name if held_by is not None else _("somebody else")
    return stored_otherwise(form_values(customer), given, words)


def changed_values(given: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the fields that the person changed; raises ValidationError.

    A value that came in with an import and is left as it was is nobody's mistake now, so it is not judged.
    """
    changed = {name for name in EDITABLE if name in given and given[name].strip() != stored[name]}
    if changed & {"id_no", "id_type"}:
        changed |= {"id_no", "id_type"}
    if "kind" in changed:
        # Whether the document is one of such a customer is said of the document.
        changed.add("id_type")
    try:
        values: dict[str, Any] = CustomerForm().load(parted(given))
    except ValidationError as refused:
        messages = refused.messages if isinstance(refused.messages, dict) else {}
        left = {name: found for name, found in messages.items() if name in changed or name not in stored}
        if left:
            raise ValidationError(left) from refused
        values = dict(refused.valid_data) if isinstance(refused.valid_data, dict) else {}
    return {name: value for name, value in values.items() if name in changed}


def parted(given: Mapping[str, str]) -> dict[str, Any]:
    """Return a form as its schema reads it: closed channels one by one."""
    closed = given.get("do_not_contact")
    return {**given, "do_not_contact": closed.split(";") if closed else []}
