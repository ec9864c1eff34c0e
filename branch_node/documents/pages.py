"""Documents on screen: the list of all, adding to a customer, one with its versions, changing, retiring, restoring.

The list of one customer's documents is a part of the customer's page, which is the desk's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import get_customer
from branch_node.documents import listing, operations, queries, taking
from branch_node.documents.errors import (
    DocumentChangedMeanwhileError,
    DocumentNotFoundError,
    DocumentsFullError,
    FileMissingError,
    RetireReasonError,
    StaysSensitiveError,
    TooManyFilesError,
)
from branch_node.documents.models import Document, OpeningReason
from branch_node.documents.sniffing import ENDINGS, MB, Checked, form_of
from branch_node.erased.queries import is_erased, refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from branch_node.inbound import queries as inbound
from branch_node.managers import queries as managers
from branch_node.runtime import BranchRuntime
from shared.db.base import instant_text
from shared.domain.published.codes import asks_word
from shared.errors import N_, BranchlineError, FieldError
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires, takes_body
from shared.web.context import reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice, stored_otherwise
from shared.web.lists import choices
from shared.web.noting import noted

blueprint = Blueprint("documents", __name__, template_folder="templates")
# What the page of personal data calls columns of documents.
WORDS: Final = {
    "retire_reason": N_("Why it was retired"),
    "file_name": N_("Name of the file"),
    "content_digest": N_("SHA-256 of the file"),
}
MOST_FILES: Final = 10


@blueprint.get("/documents")
@requires(Resource.DOCUMENT, Action.READ)
def index() -> str:
    """List the documents of all customers somebody sees, those that run out first before others."""
    wanted = listing.wanted_documents()
    with reading() as session:
        people = managers.list_managers(session)
        return render_template(
            "documents/index.html",
            page=listing.page_of(session, wanted, default="valid_until"),
            columns=listing.COLUMNS,
            wanted=wanted,
            managers=[(one.id, one.name) for one in people],
            **listing.choices_of(session),
        )


@blueprint.get("/customers/<id:customer_id>/documents/new")
@requires(Resource.DOCUMENT, Action.CREATE)
def new(customer_id: str) -> str:
    """Ask for files and what they are."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        refuse_if_erased(session, customer.id)
        refuse_if_merged(session, customer.id)
    return _form(customer_id, None, {})


@blueprint.post("/customers/<id:customer_id>/documents")
@requires(Resource.DOCUMENT, Action.CREATE)
@takes_body(taking.MOST_BYTES)
def add(customer_id: str) -> ResponseReturnValue:
    """Keep the files that may be kept, and say of each other one why it was not."""
    try:
        files, refused = _files()
        with writing() as session:
            values = taking.said_of(session, request.form)
            room = taking.room()
            same = _same(session, customer_id, files)
            operations.add_documents(session, customer_id, files, values, room=room, by=stamp())
    except (ValidationError, FieldError, DocumentsFullError) as error:
        return _form(customer_id, None, request.form, _errors(error)), _status(error)
    notice(_("Kept: %(names)s.", names=_(", ").join(file.name for file in files)))
    for sentence in same:
        notice(sentence, kind="warning")
    for one in refused:
        notice(translate_error(one), kind="problem")
    return redirect(url_for("document_tab.index", customer_id=customer_id), code=303)


@blueprint.get("/documents/<id:document_id>")
@requires(Resource.DOCUMENT, Action.READ)
def one(document_id: str) -> str:
    """Show a document: what it is, its newest file where a page can show it, and every version."""
    return _one(document_id)


@blueprint.get("/documents/<id:document_id>/edit")
@requires(Resource.DOCUMENT, Action.UPDATE)
def edit(document_id: str) -> ResponseReturnValue:
    """Show the form filled with what is known; of a retired document say why there is none."""
    with reading() as session:
        document = queries.get_document(session, document_id)
        refuse_if_erased(session, document.customer_id)
        if document.retired_at is not None:
            notice(_("A retired document is not changed. Restore it first."), kind="warning")
            return redirect(url_for("documents.one", document_id=document_id), code=303)
        shown = {name: getattr(document, name) for name in operations.EDITABLE}
    return _form(document.customer_id, document, shown)


@blueprint.post("/documents/<id:document_id>")
@requires(Resource.DOCUMENT, Action.UPDATE)
def change(document_id: str) -> ResponseReturnValue:
    """Save what the form says of a document, unless somebody was faster."""
    with reading() as session:
        document = queries.get_document(session, document_id)
    try:
        seen_at = _seen_at(request.form.get("seen_at", ""))
        with writing() as session:
            values = taking.said_of(session, request.form, before=document)
            operations.change_document(session, document_id, values, seen_at=seen_at, by=stamp())
    except DocumentChangedMeanwhileError as error:
        with reading() as session:
            found = queries.get_document(session, document_id)
        # The form keeps what the person wrote and now rests on the latest version, which is shown.
        theirs = stored_otherwise({name: getattr(found, name) for name in operations.EDITABLE}, request.form)
        given = {name: value for name, value in request.form.items() if name != "seen_at"}
        return _form(document.customer_id, found, given, _errors(error), theirs), _status(error)
    except (ValidationError, StaysSensitiveError) as error:
        return _form(document.customer_id, document, request.form, _errors(error)), _status(error)
    notice(_("The document is saved."))
    return redirect(url_for("documents.one", document_id=document_id), code=303)


@blueprint.post("/documents/<id:document_id>/versions")
@requires(Resource.DOCUMENT, Action.CREATE)
@takes_body(taking.MOST_BYTES)
def add_version(document_id: str) -> ResponseReturnValue:
    """Keep a file as the newest version; those before it stay."""
    try:
        files, refused = _files()
        if len(files) + len(refused) > 1:
            raise TooManyFilesError(field="file", most=1)
        with writing() as session:
            operations.add_version(session, document_id, files[0], room=taking.room(), by=stamp())
    except (FieldError, DocumentsFullError) as error:
        return _one(document_id, file_errors=_errors(error)), _status(error)
    notice(_("The new version is kept; the ones before it stay below."))
    return redirect(url_for("documents.one", document_id=document_id), code=303)


@blueprint.post("/documents/<id:document_id>/retire")
@requires(Resource.DOCUMENT, Action.RETIRE)
def retire(document_id: str) -> ResponseReturnValue:
    """Take a document out of use."""
    try:
        with writing() as session:
            operations.retire(session, document_id, reason=request.form.get("reason", ""), by=stamp())
    except RetireReasonError as error:
        return _one(document_id, retire_errors=_errors(error), values=request.form), _status(error)
    notice(_("The document is retired. It stays here and can be restored."))
    return redirect(url_for("documents.one", document_id=document_id), code=303)


@blueprint.post("/documents/<id:document_id>/restore")
@requires(Resource.DOCUMENT, Action.RETIRE)
def restore(document_id: str) -> ResponseReturnValue:
    """Take a retired document into use again."""
    with writing() as session:
        operations.restore(session, document_id, by=stamp())
    notice(_("The document is in use again."))
    return redirect(url_for("documents.one", document_id=document_id), code=303)


def _one(document_id: str, **more: object) -> str:
    with reading() as session:
        document = queries.get_document(session, document_id)
        versions = queries.list_versions(session, document.id)
        if not versions:
            raise DocumentNotFoundError
        erased = is_erased(session, document.customer_id)
        page = render_template(
            "documents/one.html",
            document=document,
            customer=get_customer(session, document.customer_id),
            versions=versions,
            newest=versions[0],
            form_of=form_of,
            kind=queries.kind_words(session).get(document.kind, document.kind),
            tone=listing.tone_of(document.valid_until),
            erased=erased,
            may_change=not erased and document.retired_at is None,
            reasons=choices(OpeningReason),
            endings=ENDINGS,
            most_mb=runtime(BranchRuntime).settings.document_mb,
            **more,
        )
    noted("document.viewed", ("document", document_id), customer=document.customer_id)
    return page


def _form(
    customer_id: str,
    document: Document | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    theirs: Sequence[tuple[str, str]] | None = None,
) -> str:
    with reading() as session:
        customer: Customer = get_customer(session, customer_id)
        kinds = dict(queries.offered_kinds(session, stamp().at))
        asked = queries.asked_of_kinds(session, stamp().at)
        counting = inbound.counting_papers(session, now=stamp().at)
        if document is not None:
            kinds.setdefault(document.kind, queries.kind_words(session).get(document.kind, document.kind))
        return render_template(
            "documents/form.html",
            customer=customer,
            document=document,
            values=values,
            errors=errors or {},
            theirs=theirs,
            kinds=[*kinds.items()],
            asked=[
                (word, _told(asked.get(kind, ()), counting.get(kind, ())))
                for kind, word in kinds.items()
                if kind in asked or kind in counting
            ],
            seen_at=values.get("seen_at") or (instant_text(document.updated_at) if document else ""),
            endings=ENDINGS,
            most_files=MOST_FILES,
            most_mb=runtime(BranchRuntime).settings.document_mb,
            together_mb=taking.MOST_BYTES // MB,
        )


def _told(asks: Sequence[str], counting: Sequence[str]) -> str:
    """Return what a kind of papers asks for, and what counts it."""
    told = [asks_word(tuple(asks))] if asks else []
    return _("; ").join(told + ([_("counted by: %(what)s", what=_(", ").join(counting))] if counting else []))


def _files() -> tuple[list[Checked], list[FieldError]]:
    """Return the files of a form that may be kept, and why others may not; raises when there are none."""
    given = [one for one in request.files.getlist("file") if one.filename]
    if not given:
        raise FileMissingError(field="file")
    if len(given) > MOST_FILES:
        raise TooManyFilesError(field="file", most=MOST_FILES)
    kept: list[Checked] = []
    refused: list[FieldError] = []
    for one in given:
        try:
            kept.append(taking.checked(one))
        except FieldError as error:
            refused.append(error)
    if not kept:
        raise ValidationError({"file": [translate_error(one) for one in refused]})
    return kept, refused


def _same(session: Session, customer_id: str, files: Sequence[Checked]) -> list[str]:
    """Return what to say of files that this customer seems to have already."""
    said = []
    for file in files:
        if queries.find_content(session, customer_id, file.digest) is not None:
            said.append(_("%(name)s was here already, byte for byte; it is stored once.", name=file.name))
        elif queries.find_same_name(session, customer_id, file.name) is not None:
            text = _(
                "There was a document of the name %(name)s already. If the new one takes its place, "
                "add it there as a version and retire this one.",
                name=file.name,
            )
            said.append(text)
    return said


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None


def _errors(error: ValidationError | BranchlineError) -> dict[str, str]:
    return field_errors(error)


def _status(error: ValidationError | BranchlineError) -> int:
    return 400 if isinstance(error, ValidationError) else STATUS[error.kind]
