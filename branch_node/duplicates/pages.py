"""Duplicates on screen: the pairs to decide, two files side by side, and a hint where somebody is being entered."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers import queries as customers
from branch_node.customers.models import Customer
from branch_node.customers.operations import EDITABLE
from branch_node.customers.telling import tell
from branch_node.duplicates import operations, queries
from branch_node.duplicates.models import DuplicatePair
from branch_node.managers import queries as managers
from shared.domain.duplicates.blocking import MOST_SHARING
from shared.domain.duplicates.features import COMPARED
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.duplicates.weights import PROBABLE, Level
from shared.domain.regions import region_name
from shared.domain.vocabulary import Vocabulary
from shared.domain.wire_words import COLUMN_NAMES
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import notice
from shared.web.lists import choice_argument, id_argument
from shared.web.paging import Page, PageRequest

blueprint = Blueprint("duplicates", __name__, template_folder="templates", url_prefix="/duplicates")

FIELD_WORDS: Final = {
    "name": N_("Name"),
    "id_no": N_("Document number"),
    "birth": N_("Date of birth"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "wechat": N_("WeChat account"),
    "region": N_("Region"),
    "address": N_("Address"),
}
LEVEL_WORDS: Final = {
    Level.SAME: (N_("the same"), "ok"),
    Level.CLOSE: (N_("nearly the same"), "ok"),
    Level.ALIKE: (N_("alike"), "info"),
    Level.DIFFERENT: (N_("different"), "bad"),
}
COLUMN_WORDS: Final = {
    "customer_no": N_("Number"),
    "kind": N_("Kind"),
    "name": N_("Name"),
    "short_name": N_("Short name"),
    "id_type": N_("Document"),
    "id_no": N_("Document number"),
    "mobile": N_("Mobile"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "wechat": N_("WeChat account"),
    "region_code": N_("Region"),
    "address": N_("Address"),
    "grade": N_("Grade"),
    "status": N_("Status"),
    "opened_on": N_("Opened on"),
    "manager_id": N_("Account manager"),
    "preferred_channel": N_("Preferred channel"),
    "tags": N_("Tags"),
    "remark": N_("Remark"),
}
# By what of a customer being entered a file out of sight is told to exist.
TOLD_BY: Final = ("name", "id_no", "mobile", "phone")
LOOKED_AT: Final = 50
STATES: Final = {state.value: state for state in PairState}
DECISIONS: Final = {
    PairState.DIFFERENT: N_("Noted: not the same. It is asked again only when one of the two files changes."),
    PairState.LATER: N_("Put off; the pair stands under “put off”."),
    PairState.OPEN: N_("The pair is to be decided again."),
}


@blueprint.get("")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
def index() -> str:
    """List the pairs in one state, the likeliest first."""
    asked = PageRequest.from_query(("score",), default="-score")
    state = STATES[choice_argument("state", STATES) or PairState.OPEN.value]
    with reading() as session:
        rows = queries.list_pairs(session, state, limit=asked.size, offset=(asked.number - 1) * asked.size)
        counts = {each: queries.count_pairs(session, each) for each in PairState}
    shown = [(pair, one, other, _agreeing(pair)) for pair, one, other in rows]
    return render_template(
        "duplicates/index.html",
        page=Page(shown, counts[state], asked),
        state=state,
        counts=counts,
        states=list(PairState),
        is_probable=_is_probable,
        most_sharing=MOST_SHARING,
    )


@blueprint.get("/<id:pair_id>")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
def one(pair_id: str) -> str:
    """Show two files side by side, what agrees and how much it says."""
    with reading() as session:
        pair = queries.get_pair(session, pair_id)
        first = customers.get_customer(session, pair.one_id)
        second = customers.get_customer(session, pair.other_id)
        people = {each.id: each.name for each in managers.list_managers(session)}
        return render_template(
            "duplicates/pair.html",
            pair=pair,
            first=first,
            second=second,
            rows=[
                (name, column_word(name), worded(first, name, people), worded(second, name, people))
                for name in EDITABLE
            ],
            fields=_fields(pair),
            probable=_is_probable(pair),
            probable_from=int(PROBABLE),
        )


@blueprint.post("/<id:pair_id>/<any(open, later, different):decision>")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
def decide(pair_id: str, decision: str) -> ResponseReturnValue:
    """Write down what somebody decided, and show the pairs that are left."""
    state = STATES[decision]
    with writing() as session:
        operations.decide(session, pair_id, state, by=stamp())
    notice(_(DECISIONS[state]))
    return redirect(url_for("duplicates.index"), code=303)


@blueprint.get("/like")
@requires(Resource.CUSTOMER, Action.CREATE)
def like() -> str:
    """Say while a customer is typed whom it may be the same as; the form works without."""
    values = {name: request.args.get(name, "") for name in COMPARED if name != "attributes"}
    # The form shows a region by its name as well.
    values["region_code"] = values["region_code"].partition(" ")[0]
    besides = id_argument("besides") or None
    # The finder's own table is the node's; of what it finds nothing leaves here but files that who types may see.
    with reading(as_node=True) as session:
        found = (
            queries.find_like(session, values, besides=besides, most=LOOKED_AT)
            if values["name"].strip()
            else []
        )
        likely = {hit.customer.id: said_fields(hit.verdict.levels) for hit in found}
    with reading() as session:
        seen = customers.find_by_ids(session, list(likely))
        hits = [(seen[at], fields) for at, fields in likely.items() if at in seen][: queries.MOST_HITS]
        # Of all others no more than the search box says, and only of whole numbers and names.
        told = tell(*(values[name] for name in TOLD_BY), besides=besides, on_form=True)
        return render_template("duplicates/like.html", hits=hits, sentences=told.sentences)


def column_word(name: str) -> str:
    """Return what a column of a customer is called, as a msgid."""
    return COLUMN_WORDS.get(name) or COLUMN_NAMES.get(name, name)


def _is_probable(pair: DuplicatePair) -> bool:
    return pair.score >= PROBABLE * operations.HUNDREDTHS


def _agreeing(pair: DuplicatePair) -> list[tuple[str, str, str]]:
    return [each for each in _fields(pair) if each[2] != "bad"]


def _fields(pair: DuplicatePair) -> list[tuple[str, str, str]]:
    """Return of each field that says something: what it is, how far the two agree, and the tone of that."""
    return [
        (FIELD_WORDS.get(name, name), *LEVEL_WORDS.get(level, (str(level), "info")))
        for name, level in pair.levels.items()
        if level != Level.UNKNOWN
    ]


def said_fields(levels: Mapping[str, str]) -> list[str]:
    """Return what two files nearly agree in, as msgids."""
    return [FIELD_WORDS[name] for name, level in levels.items() if level in {Level.SAME, Level.CLOSE}]


def worded(customer: Customer, name: str, people: Mapping[str, str]) -> str:
    """Return a column of a customer in the reader's words."""
    value: Any = getattr(customer, name)
    if value is None or value in ("", []):
        return ""
    if isinstance(value, Vocabulary):
        return label(value)
    if name == "manager_id":
        return people.get(value, _("somebody else"))
    if name == "region_code":
        return region_name(value)
    return _(", ").join(value) if isinstance(value, list) else str(value)
