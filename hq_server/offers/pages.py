"""Offers at head office: how many customers of which branch were offered what, and what they said."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, render_template, request

from hq_server.branches import web
from hq_server.branches.web import Scope
from hq_server.customers.facts import listed
from hq_server.offers import queries
from hq_server.offers.queries import Answers
from hq_server.replica.models import ReplicaCustomer, ReplicaOfferAnswer
from shared.domain.corrections import Told
from shared.domain.offers.vocabulary import STEPS, OfferStep
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp
from shared.web.lists import text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("offers", __name__, template_folder="templates", url_prefix="/offers")
TONES: Final = {OfferStep.MADE: "info", OfferStep.ACCEPTED: "ok", OfferStep.DECLINED: "warn"}
STATES: Final = {
    "published": (N_("published"), "ok"),
    "expired": (N_("run out"), ""),
    "withdrawn": (N_("withdrawn"), ""),
}
# What a customer said last, as the page heads its columns; all of them together were offered it.
WORDS: Final = {
    "made": N_("No answer yet"),
    "accepted": N_("Accepted"),
    "declined": N_("Declined"),
}
COLUMNS: Final = (
    Column("customer_no", _l("Customer number"), "own", sort=True),
    Column("name", _l("Customer name")),
    Column("branch", _l("Branch"), sort=True),
    Column("step", _l("What became of it"), "own"),
    Column("happened_on", _l("Day"), "date", sort=True),
    Column("reason", _l("Reason")),
)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List the offers with how many customers were offered each, and what they said."""
    with reading() as session:
        scope = web.scope(session)
        counts = queries.count_answers(session)
        found = queries.list_offers(session, stamp().at)
        return render_template(
            "hq_offers/index.html",
            scope=scope,
            rows=[(one, _together(scope, _of(counts, one.code))) for one in found],
            states=STATES,
            words=WORDS,
        )


@blueprint.get("/branches")
@requires(Resource.CUSTOMER, Action.READ)
def branches() -> str:
    """Show by branch what became of one offer."""
    with reading() as session:
        scope = web.scope(session)
        found = queries.get_offer(session, text_argument("offer"), stamp().at)
        counts = _of(queries.count_answers(session, found.code), found.code)
        shown = scope.shown
        return render_template(
            "hq_offers/branches.html",
            scope=scope,
            found=found,
            rows=[(number, counts.get(number, Answers())) for number in shown],
            total=_together(scope, counts),
            addressed={number: found.is_addressed_to(scope.code(number)) for number in shown},
            state=STATES[found.state],
            words=WORDS,
        )


@blueprint.get("/customers")
@requires(Resource.CUSTOMER, Action.READ)
def customers() -> str:
    """List the customers whom an offer was made to, with what they said last."""
    known = {one.value for one in STEPS}
    steps = [code for code in request.args.getlist("step") if code in known]
    with reading() as session:
        scope = web.scope(session)
        found = queries.get_offer(session, text_argument("offer"), stamp().at)
        page = paginate(
            session,
            queries.select_answers(found.code, scope.chosen, steps),
            PageRequest.from_query(queries.SORTS, default="-happened_on"),
            sorts=queries.SORTS,
            tie=ReplicaOfferAnswer.id,
            shape=lambda row: listed(scope, row[0], row[1]),
        )
        return render_template(
            "hq_offers/customers.html",
            scope=scope,
            found=found,
            page=page,
            columns=COLUMNS,
            steps=steps,
            options=[(code, _(text)) for code, text in WORDS.items()],
            tones=TONES,
            chips=[
                (_("What became of it"), _(", ").join(_(WORDS[code]) for code in steps), "step"),
                (_("Branch"), ", ".join(scope.codes), "branch"),
            ],
        )


@blueprint.app_template_global("offers_told")
def told_of(customer: ReplicaCustomer) -> list[tuple[Told[ReplicaOfferAnswer], str | None, str]]:
    """Return for the page of a customer what became of offers there, each with the offer's title and a tone.

    Of an offer that was never published here (head office was set back) there is no title.
    """
    with reading() as session:
        titles = {one.code: one.title for one in queries.list_offers(session, stamp().at)}
        found = queries.list_of_customer(session, customer)
    return [(one, titles.get(one.answer.offer_code), TONES.get(one.answer.step, "")) for one in found]


def _of(counts: Mapping[tuple[str, int], Answers], code: str) -> dict[int, Answers]:
    return {branch: each for (offer, branch), each in counts.items() if offer == code}


def _together(scope: Scope, counts: Mapping[int, Answers]) -> Answers:
    return sum((counts.get(number, Answers()) for number in scope.shown), Answers())
