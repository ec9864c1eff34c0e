"""Requests of people about their data: the list, recording one, and answering it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.customers.queries import get_customer
from branch_node.erased.queries import find_erasure
from branch_node.inbound.queries import hq_time
from branch_node.personal import answers, paper, requests
from branch_node.personal.models import PersonalRequest
from branch_node.personal.request_errors import AnswerError
from branch_node.personal.request_words import IdentityCheck
from branch_node.personal.requests import Asked
from shared.audit.operations import record
from shared.domain.calendar import local_day
from shared.domain.personal.vocabulary import RequestKind, RequestState
from shared.domain.wire_words import COLUMN_NAMES
from shared.errors import N_, BranchlineError, FieldError
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActProposedError, ActReasonError
from shared.twoperson.queries import find_waiting
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import code_arguments, id_argument
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint(
    "personal_requests", __name__, template_folder="templates", url_prefix="/personal-requests"
)
# For the page of what this node holds.
WORDS: Final = {
    **COLUMN_NAMES,
    "at": N_("When"),
    "who": N_("Operator"),
    "event": N_("What happened"),
    "changes": N_("What was and is"),
    "asked_by": N_("Who asks"),
    "identity": N_("How we know who asks"),
    "received_on": N_("Received on"),
    "due_on": N_("Due on"),
    "note": N_("Note"),
    "answer": N_("Answer"),
    "made_at": N_("Recorded"),
    "made_by": N_("Recorded by"),
    "ended_at": N_("Answered"),
    "ended_by": N_("Answered by"),
    "shared_at": N_("Shared at"),
    "shared_by": N_("Shared by"),
    "ends_at": N_("Until"),
}
# The open ones first, and of those the one due first.
SORTS: Final = {"due": (PersonalRequest.ended_at.is_not(None), PersonalRequest.due_on)}
TONES: Final = {RequestState.OPEN: "warn", RequestState.DONE: "ok", RequestState.REFUSED: "bad"}


@blueprint.get("")
@requires(Resource.PERSONAL_DATA, Action.READ)
def index() -> str:
    """List requests, those due first at the top."""
    state = next(iter(code_arguments("state", RequestState)), None)
    with reading() as session:
        page = paginate(
            session,
            requests.select_requests(state=state, customer_id=id_argument("customer")),
            PageRequest.from_query(SORTS, default="due", sizes=(50, 25, 100, 200)),
            sorts=SORTS,
            tie=PersonalRequest.id,
        )
        return render_template(
            "personal/requests.html",
            page=page,
            state=state.value if state else "",
            states=[(one.value, _(one.label)) for one in RequestState],
            tones=TONES,
            today=_today(session),
        )


@blueprint.get("/new")
@requires(Resource.PERSONAL_DATA, Action.CREATE)
def new() -> ResponseReturnValue:
    """Ask who asks for what."""
    customer_id = id_argument("customer")
    return _form(customer_id, {}) if customer_id else redirect(url_for("customers.index"))


@blueprint.post("")
@requires(Resource.PERSONAL_DATA, Action.CREATE)
def create() -> ResponseReturnValue:
    """Record a request."""
    given = request.form.to_dict()
    customer_id = given.get("customer_id", "")
    try:
        with writing() as session:
            asked = Asked.from_form(given, _today(session))
            made = requests.record_request(session, customer_id, asked, by=stamp())
    except FieldError as refused:
        return _form(customer_id, given, field_errors(refused)), STATUS[refused.kind]
    notice(_("The request is recorded."))
    return redirect(url_for("personal_requests.one", request_id=made.id), code=303)


@blueprint.get("/<id:request_id>")
@requires(Resource.PERSONAL_DATA, Action.READ)
def one(request_id: str) -> str:
    """Show one request, and what can be done about it."""
    return _one(request_id)


@blueprint.post("/<id:request_id>/copy")
@requires(Resource.PERSONAL_DATA, Action.EXPORT)
def copy(request_id: str) -> ResponseReturnValue:
    """Hand out everything held about the customer as a file programs can read; that is logged."""
    with writing() as session:
        document = _document(session, request_id, "personal_request.exported")
    number = document["profile"]["customer_no"]
    text = json.dumps(document, ensure_ascii=False, indent=1)
    answer = Response(text, mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename=f"personal-data-{number}.json")
    return answer


@blueprint.get("/<id:request_id>/print")
@requires(Resource.PERSONAL_DATA, Action.PRINT)
def print_view(request_id: str) -> str:
    """Show everything held about the customer ready for paper; that is logged."""
    with writing() as session:
        document = _document(session, request_id, "personal_request.printed")
        return render_template(
            "personal/copy.html",
            name=document["profile"]["name"],
            profile=paper.profile_of(document, timezone=runtime().settings.timezone),
            sheets=paper.sheets_of(document, timezone=runtime().settings.timezone),
            request_id=request_id,
            printed_at=stamp().at,
            printed_by=person(),
        )


@blueprint.post("/<id:request_id>/erase")
@requires(Resource.PERSONAL_DATA, Action.UPDATE)
def erase(request_id: str) -> ResponseReturnValue:
    """Ask a second person to let the customer be erased."""
    try:
        with writing() as session:
            act = requests.ask_erasure(session, request_id, reason=request.form.get("reason", ""), by=stamp())
    except (ActReasonError, ActProposedError) as refused:
        return _one(request_id, errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("Somebody else has to approve this now; nothing is erased until then."))
    return redirect(url_for("two_person.one", act_id=act.id), code=303)


@blueprint.post("/<id:request_id>/answer")
@requires(Resource.PERSONAL_DATA, Action.UPDATE)
def answer(request_id: str) -> ResponseReturnValue:
    """Close a request: done, or refused with the reason the person is told."""
    said = request.form.get("answer", "")
    try:
        with writing() as session:
            if request.form.get("outcome") == RequestState.REFUSED.value:
                requests.refuse(session, request_id, answer=said, by=stamp())
            else:
                requests.answer_done(session, request_id, answer=said, by=stamp())
    except AnswerError as refused:
        return _one(request_id, errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("The request is answered."))
    return redirect(url_for("personal_requests.one", request_id=request_id), code=303)


def _document(session: Session, request_id: str, event: str) -> dict[str, Any]:
    asked = requests.get_request(session, request_id)
    document = answers.gather(session, asked.customer_id, at=stamp().at)
    record(session, event, subject=("customer", asked.customer_id), by=stamp(), details={"request": asked.id})
    return document


def _one(request_id: str, **values: object) -> str:
    with reading() as session:
        asked = requests.get_request(session, request_id)
        customer = get_customer(session, asked.customer_id)
        return render_template(
            "personal/request.html",
            asked=asked,
            customer=customer,
            tones=TONES,
            hindered=_hindered(session, asked.kind, customer) if asked.state is RequestState.OPEN else None,
            waiting=find_waiting(session, requests.ERASE, (requests.SUBJECT, asked.id)),
            erasure=find_erasure(session, customer.id),
            today=_today(session),
            **values,
        )


def _hindered(session: Session, kind: RequestKind, customer: Any) -> str | None:  # noqa: ANN401 - a customer
    """Return why a customer cannot be erased as things stand, or None."""
    if kind is not RequestKind.ERASURE:
        return None
    try:
        requests.check_erasable(session, customer)
    except BranchlineError as refused:
        return translate_error(refused)
    return None


def _form(customer_id: str, values: Mapping[str, Any], errors: Mapping[str, str] | None = None) -> str:
    with reading() as session:
        return render_template(
            "personal/new_request.html",
            customer=get_customer(session, customer_id),
            kinds=[(one.value, _(one.label)) for one in RequestKind],
            checks=[
                (one.value, _(one.label)) for one in IdentityCheck if one is not IdentityCheck.HEAD_OFFICE
            ],
            values=values,
            errors=errors or {},
            today=_today(session),
        )


def _today(session: Session) -> Any:  # noqa: ANN401 - a day
    return local_day(hq_time(session, stamp().at), runtime().settings.timezone)
