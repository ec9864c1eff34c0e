"""Qualification at head office: standings by branch, the customers behind a figure, and a customer's judgements."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template, request

from hq_server.branches import web
from hq_server.branches.queries import get_branch
from hq_server.customers.queries import get_customer
from hq_server.feed.web import published_words
from hq_server.qualification import queries
from hq_server.qualification.queries import STANDS
from hq_server.replica.models import ReplicaCustomer, ReplicaQualification
from shared.domain.documents.vocabulary import KindWords
from shared.domain.published.vocabulary import CodeTable
from shared.domain.qualification.rules import read_line
from shared.domain.qualification.words import effect_word, line_word, review_reason
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("qualification", __name__, template_folder="templates", url_prefix="/qualifications")
TONES: Final = {"approved": "ok", "expired": "warn", "proposed": "info"}
COLUMNS: Final = (
    Column("customer_no", _l("Customer number"), "own", sort=True),
    Column("name", _l("Customer")),
    Column("branch", _l("Branch"), sort=True),
    Column("kind", _l("Kind"), "label"),
    Column("stand", _l("Where it stands"), "own"),
    Column("score", _l("Score"), "number", sort=True),
    Column("next_review_on", _l("Next review"), "date", sort=True),
    Column("judged_by", _l("Judged by"), wide=True),
)


@dataclass(frozen=True)
class Listed:
    """One customer of the list, with the judgement that counts."""

    customer: ReplicaCustomer
    found: ReplicaQualification | None
    branch: str
    code: str

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        if name == "branch":
            return self.branch
        owner = self.customer if name in {"customer_no", "name", "kind"} else self.found
        return getattr(owner, name, None)


@blueprint.get("")
@requires(Resource.QUALIFICATION, Action.READ)
def index() -> str:
    """Show by branch how many customers have which grade, did not pass, have expired, or were never judged."""
    with reading() as session:
        scope = web.scope(session)
        counts = queries.count_standings(session, scope.chosen)
    shown = scope.shown
    total: Counter[str] = Counter()
    for number in shown:
        total += counts.get(number, Counter())
    return render_template(
        "hq_qualification/index.html",
        scope=scope,
        stands={code: _(text) for code, text in STANDS.items()},
        rows=[(number, counts.get(number, Counter())) for number in shown],
        total=total,
    )


@blueprint.get("/customers")
@requires(Resource.QUALIFICATION, Action.READ)
def customers() -> str:
    """List the customers who stand as the address says."""
    stands = [code for code in STANDS if code in request.args.getlist("stand")]
    with reading() as session:
        scope = web.scope(session)
        page = paginate(
            session,
            queries.select_customers(scope.chosen, stands),
            PageRequest.from_query(queries.SORTS, default="customer_no"),
            sorts=queries.SORTS,
            tie=ReplicaCustomer.id,
            shape=lambda row: Listed(
                row[0], row[1], scope.name(row[0].branch_number), scope.code(row[0].branch_number)
            ),
        )
        return render_template(
            "hq_qualification/customers.html",
            scope=scope,
            page=page,
            columns=COLUMNS,
            stands=stands,
            options=[(code, _(text)) for code, text in STANDS.items()],
            chips=[
                (_("Where it stands"), _(", ").join(_(STANDS[code]) for code in stands), "stand"),
                (_("Branch"), ", ".join(scope.codes), "branch"),
            ],
            tones=TONES,
        )


@blueprint.get("/<code>/<id:customer_id>")
@requires(Resource.QUALIFICATION, Action.READ)
def one(code: str, customer_id: str) -> str:
    """Show every judgement of a customer that has arrived: what each rule asked and found, and who decided."""
    with reading() as session:
        branch = get_branch(session, code)
        customer = get_customer(session, branch, customer_id)
        found = queries.list_of_customer(session, branch.number, customer.id)
        coverage = web.scope(session).coverage.only({branch.number})
        kinds = published_words(session, CodeTable.DOCUMENT_KIND)
        return render_template(
            "hq_qualification/one.html",
            branch=branch,
            customer=customer,
            rows=[(each, _lines(each, kinds), _ends_with(each, kinds)) for each in found],
            tones=TONES,
            coverage=coverage,
        )


@blueprint.app_template_global("qualifications_of")
def of_customer(branch_number: int, customer_id: str) -> list[ReplicaQualification]:
    """Return a customer's judgements for the page of the customer; none to who may not see them."""
    if not may(Resource.QUALIFICATION, Action.READ):
        return []
    with reading() as session:
        return list(queries.list_of_customer(session, branch_number, customer_id))


def _lines(found: ReplicaQualification, kinds: KindWords) -> list[tuple[bool, str, str]]:
    lines = [read_line(text) for text in found.lines]
    return [(line.held, line_word(line, kinds), effect_word(line.effect)) for line in lines]


def _ends_with(found: ReplicaQualification, kinds: KindWords) -> str:
    return review_reason([read_line(text) for text in found.lines], found.next_review_on, kinds)
