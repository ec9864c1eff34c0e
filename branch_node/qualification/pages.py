"""Qualification: the list, one judgement and why, applying, approving, refusing, and the rules in force."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.documents.queries import kind_words
from branch_node.qualification import operations, queries
from branch_node.qualification.errors import NoRefusalReasonError, OwnProposalError
from branch_node.qualification.models import Qualification
from branch_node.qualification.queries import QualificationFilter
from branch_node.qualification.web import (
    comes_out_again,
    decided_words,
    on_customer,
    review_words,
    shown_lines,
    terms,
    wanted_qualifications,
    words,
)
from shared.domain.customers.vocabulary import Grade
from shared.domain.qualification.vocabulary import STANDING, JudgedAs, QualificationState
from shared.domain.qualification.words import (
    applies_word,
    effect_word,
    fact_word,
    grades_word,
    review_word,
    test_word,
)
from shared.errors import BranchlineError
from shared.i18n import current_language, format_instant, translate_error
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choices
from shared.web.lists import words as listed
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("qualification", __name__, template_folder="templates", url_prefix="/qualifications")
blueprint.add_app_template_global(on_customer, "qualification_of")

COLUMNS: Final = (
    Column(
        "customer_no",
        _l("Customer number"),
        sort=True,
        link="qualification.one",
        link_arg="qualification_id",
        link_key="id",
    ),
    Column("customer", _l("Customer"), "own"),
    Column("state", _l("State"), "own"),
    Column("outcome", _l("Outcome"), "own"),
    Column("kind", _l("Kind"), "label", wide=True),
    Column("grade", _l("Grade"), "label"),
    Column("score", _l("Score"), "number", sort=True),
    Column("next_review_on", _l("Next review"), "date", sort=True),
    Column("judged_at", _l("Judged"), "instant", sort=True, wide=True),
    Column("judged_by", _l("Judged by"), wide=True),
)


@dataclass(frozen=True)
class Listed:
    """One row of the list."""

    found: Qualification
    customer: Customer

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return self.customer.customer_no if name == "customer_no" else getattr(self.found, name, None)


@blueprint.get("")
@requires(Resource.QUALIFICATION, Action.READ)
def index() -> str:
    """List judgements as the address filters them, and say how many wait, are due and have expired."""
    today = terms().today
    wanted = wanted_qualifications(today)
    with reading() as session:
        page = paginate(
            session,
            queries.select_qualifications(wanted),
            PageRequest.from_query(queries.SORTS, default="-judged_at"),
            sorts=queries.SORTS,
            tie=Qualification.id,
            shape=lambda row: Listed(row.Qualification, row.Customer),
        )
        return render_template(
            "qualification/index.html",
            page=page,
            columns=COLUMNS,
            wanted=wanted,
            counts=queries.count_states(session, today),
            states=choices(QualificationState),
            outcomes=choices(JudgedAs),
            grades=choices(Grade),
            chips=_chips(session, wanted),
            **words(),
        )


@blueprint.get("/<id:qualification_id>")
@requires(Resource.QUALIFICATION, Action.READ)
def one(qualification_id: str) -> str:
    """Show one judgement: what every rule asked and found, which of them decided, and what can be done."""
    return _one(qualification_id)


@blueprint.post("")
@requires(Resource.QUALIFICATION, Action.CREATE)
def apply() -> ResponseReturnValue:
    """Judge a customer by the rules in force and propose what comes out."""
    customer_id = request.form.get("customer_id", "")
    with writing() as session:
        done = operations.apply(session, customer_id if is_id(customer_id) else "", terms=terms(), by=stamp())
    if done.kept:
        when = format_instant(done.one.judged_at, timezone=runtime().settings.timezone)
        notice(_("Nothing that decides has changed since it was judged on %(when)s; that stands.", when=when))
    else:
        notice(_("Judged. Somebody else decides on it; until then the customer stays as they are."))
    return redirect(url_for("qualification.one", qualification_id=done.one.id), code=303)


@blueprint.post("/<id:qualification_id>/approval")
@requires(Resource.QUALIFICATION, Action.APPROVE)
def approve(qualification_id: str) -> ResponseReturnValue:
    """Let a judgement count."""
    with writing() as session:
        operations.approve(session, qualification_id, terms=terms(), by=stamp())
    notice(_("Approved. The customer has the kind and grade of this judgement now."))
    return redirect(url_for("qualification.one", qualification_id=qualification_id), code=303)


@blueprint.post("/<id:qualification_id>/refusal")
@requires(Resource.QUALIFICATION, Action.APPROVE)
def refuse(qualification_id: str) -> ResponseReturnValue:
    """Turn a judgement down, with a reason."""
    try:
        with writing() as session:
            operations.refuse(session, qualification_id, reason=request.form.get("reason", ""), by=stamp())
    except NoRefusalReasonError as refused:
        return _one(qualification_id, field_errors(refused)), STATUS[refused.kind]
    notice(_("Refused. The customer stays as they are."))
    return redirect(url_for("qualification.one", qualification_id=qualification_id), code=303)


@blueprint.get("/rules")
@requires(Resource.QUALIFICATION, Action.READ)
def rules() -> str:
    """Show the rules in force, in words."""
    with reading() as session:
        found = queries.rules_in_force(session, stamp().at)
        kinds = kind_words(session)
    language = current_language()
    rows = [
        (
            rule.word(language),
            applies_word(rule.applies_to),
            f"{fact_word(rule.fact, kinds)} {test_word(rule.fact, rule.test, rule.value)}",
            effect_word(rule.effect),
        )
        for rule in found.rules
    ]
    return render_template(
        "qualification/rules.html",
        rules=found,
        rows=rows,
        grades=grades_word(found),
        review=review_word(found.review),
    )


def _one(qualification_id: str, errors: dict[str, str] | None = None) -> str:
    with reading() as session:
        found = queries.get_qualification(session, qualification_id)
        rules_now = queries.rules_in_force(session, stamp().at)
        in_force = {rule.code: rule for rule in rules_now.rules}
        kinds = kind_words(session)
        waits = found.state is QualificationState.PROPOSED
        obstacle = operations.obstacle(session, found, terms=terms(), by=stamp()) if waits else None
        return render_template(
            "qualification/one.html",
            found=found,
            customer=session.get_one(Customer, found.customer_id),
            lines=shown_lines(found, in_force, kinds),
            decided=decided_words(found, kinds),
            until=review_words(found, kinds),
            again=comes_out_again(found, rules_now),
            obstacle=_sentence(obstacle),
            own=isinstance(obstacle, OwnProposalError),
            history=queries.list_of_customer(session, found.customer_id),
            values=request.form,
            errors=errors or {},
            counts=found.state in STANDING,
            **words(),
        )


def _sentence(refused: BranchlineError | None) -> str:
    return translate_error(refused) if refused else ""


def _chips(session: Session, wanted: QualificationFilter) -> list[tuple[str, str, str]]:
    customer = session.get(Customer, wanted.customer_id) if wanted.customer_id else None
    return [
        (_("State"), listed(wanted.states), "state"),
        (_("Outcome"), listed(wanted.outcomes), "outcome"),
        (_("Grade"), listed(wanted.grades), "grade"),
        (_("Customer"), customer.name if customer else wanted.customer_id, "customer"),
        (_("Review"), _("due within 90 days") if wanted.due_by else "", "due"),
    ]
