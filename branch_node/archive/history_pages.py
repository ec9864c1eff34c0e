"""The versions of a customer's file: its dated history, a version as it was, two compared, one brought back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.archive import queries, words
from branch_node.archive.restoring import restore as bring_back
from branch_node.archive.versions import (
    COLUMNS,
    Version,
    differences,
    spans_of,
    version_no,
    version_on,
    versions_of,
)
from branch_node.customers.groups import GroupHasMembersError
from branch_node.customers.models import Customer
from branch_node.customers.operations import (
    CustomerChangedMeanwhileError,
    CustomerNumberTakenError,
)
from branch_node.customers.queries import get_customer
from shared.db.base import Base, instant_text
from shared.db.personal import MASKED, class_of, mask
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import field_errors, notice
from shared.web.lists import day_argument

CUSTOMERS: Final = Base.metadata.tables[Customer.__tablename__]
blueprint = Blueprint(
    "history", __name__, template_folder="templates", url_prefix="/customers/<uuid:customer_id>/history"
)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index(customer_id: object) -> str:
    """Show which values every field had since when, and every version there was."""
    found = seen_customer(str(customer_id))
    versions = told_versions(str(customer_id))
    day = day_argument("day")
    on_day = version_on(versions, day, runtime().settings.timezone) if day else None
    return _page(
        "archive/history.html",
        found,
        versions,
        spans=spans_of(versions),
        day=day,
        on_day=on_day,
        first_day=versions[0].at if versions else None,
    )


@blueprint.get("/<int:number>")
@requires(Resource.CUSTOMER, Action.READ)
def one(customer_id: object, number: int) -> str:
    """Show one version, and how it differs from another: the present one unless the address names one."""
    return _one(str(customer_id), number)


@blueprint.post("/<int:number>/restoration")
@requires(Resource.CUSTOMER, Action.UPDATE)
def restore(customer_id: object, number: int) -> ResponseReturnValue:
    """Give the customer the values of this version again."""
    found = seen_customer(str(customer_id))
    version = version_no(told_versions(found.id), number)
    try:
        seen_at = datetime.fromisoformat(request.form.get("seen_at", ""))
    except ValueError:
        return _one(found.id, number, problems=[_("Please open the form again.")]), 400
    try:
        with writing() as session:
            fields = bring_back(
                session, get_customer(session, found.id), version, seen_at=seen_at, by=stamp()
            )
    except ValidationError as refused:
        told = field_errors(refused)
        problems = [f"{words.field_word(name)}: {text}" if name else text for name, text in told.items()]
        return _one(found.id, number, problems=problems), 400
    except (CustomerNumberTakenError, CustomerChangedMeanwhileError, GroupHasMembersError) as refused:
        return _one(found.id, number, problems=[translate_error(refused)]), 409
    named = _(", ").join(words.field_word(name) for name in fields)
    notice(
        _("Brought back: %(fields)s.", fields=named)
        if fields
        else _("Nothing differed; nothing was changed.")
    )
    return redirect(url_for("history.index", customer_id=found.id), code=303)


def _one(customer_id: str, number: int, problems: list[str] | None = None) -> str:
    found = seen_customer(customer_id)
    versions = told_versions(customer_id)
    version = version_no(versions, number)
    # With the present file; that one with the version before it.
    usual = versions[-1].no if version is not versions[-1] else max(1, version.no - 1)
    other = version_no(versions, request.args.get("with", usual, type=int))
    first, second = sorted((version, other), key=lambda each: each.no)
    return _page(
        "archive/version.html",
        found,
        versions,
        version=version,
        other=other,
        first=first,
        second=second,
        differences=differences(first, second),
        fields=[name for name in COLUMNS if version.state.get(name) is not None or name in version.hidden],
        problems=problems or [],
        seen_at=instant_text(found.updated_at),
    )


def seen_customer(customer_id: str) -> Customer:
    """Return the customer, found with this person's own eyes."""
    with reading() as session:
        return get_customer(session, customer_id)


def told_versions(customer_id: str) -> list[Version]:
    """Return every version of a customer's file; whether this person sees the customer is asked before."""
    # Of the operation log some see only what they did themselves: a file's history is whole or wrong.
    with reading(as_node=True) as session:
        return versions_of(session, get_customer(session, customer_id))


def shown_value(field: str, value: Any) -> Any:  # noqa: ANN401 - a value of a version
    """Return a value of a version as this person may see it."""
    kind = class_of(CUSTOMERS.c[field]) if "customer" in MASKED.get() else None
    return mask(kind, value) if kind is not None and isinstance(value, str) else value


def _page(template: str, found: Customer, versions: Sequence[Version], **more: Any) -> str:  # noqa: ANN401 - what the page shows
    groups = {version.state.get("parent_id") for version in versions}
    with reading() as session:
        names = words.names_of(session, groups)
        archived = _archived(session, found.id)

    def shown(field: str, value: Any) -> str:  # noqa: ANN401 - a value of a version
        return words.value_word(field, shown_value(field, value), names)

    return render_template(
        template,
        customer=found,
        versions=versions,
        archived=archived,
        field_word=words.field_word,
        value_word=shown,
        source_word=words.source_word,
        events=words.EVENTS,
        **more,
    )


def _archived(session: Session, customer_id: str) -> Any:  # noqa: ANN401 - an entry or nothing
    return queries.last_file(session, customer_id)
