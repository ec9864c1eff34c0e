"""Merges on screen: choose per field, see what moves, decide, take back."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers import queries as customers
from branch_node.customers.belonging import Merging, count_belongings
from branch_node.customers.models import Customer
from branch_node.duplicates.pages import column_word, worded
from branch_node.identity.models import MergeState
from branch_node.managers import queries as managers
from branch_node.merging import operations, queries
from branch_node.merging.operations import CHOOSABLE
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import notice
from shared.web.lists import choice_argument, id_argument
from shared.web.paging import Page, PageRequest

blueprint = Blueprint("merging", __name__, template_folder="templates", url_prefix="/merges")
STATES: Final = {state.value: state for state in MergeState}
# What the page of personal data calls the columns of a merge.
WORDS: Final = {"before": N_("Held before the merge"), "after": N_("Taken over by the merge")}
# What becomes of what hangs on the file that goes.
BECOMES: Final = {
    Merging.MOVES: _l("they move"),
    Merging.COUNTS: _l("they stay as they are and count as this customer’s"),
    Merging.OF_FILE: _l("they stay with the file that is only read"),
}
TAKEN: Final = "take-"
OTHER: Final = "other"


@blueprint.get("")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
def index() -> str:
    """List the merges in one state, the last first."""
    asked = PageRequest.from_query(("proposed_at",), default="-proposed_at")
    state = STATES[choice_argument("state", STATES) or MergeState.PROPOSED.value]
    with reading() as session:
        rows = queries.list_merges(session, state, limit=asked.size, offset=(asked.number - 1) * asked.size)
        counts = {each: queries.count_merges(session, each) for each in MergeState}
    return render_template(
        "merging/index.html",
        page=Page(rows, counts[state], asked),
        state=state,
        counts=counts,
        states=list(MergeState),
    )


@blueprint.get("/new")
@requires(Resource.CUSTOMER_MERGE, Action.CREATE)
def new() -> ResponseReturnValue:
    """Show two files side by side, to choose for each field which of the two values stays."""
    survivor_id, loser_id = id_argument("into"), id_argument("other")
    if not survivor_id or not loser_id:
        return redirect(url_for("duplicates.index"), code=303)
    with reading() as session:
        survivor = customers.get_customer(session, survivor_id)
        loser = customers.get_customer(session, loser_id)
        people = {each.id: each.name for each in managers.list_managers(session)}
        return render_template(
            "merging/new.html",
            survivor=survivor,
            loser=loser,
            rows=_differing(survivor, loser, people),
        )


@blueprint.post("")
@requires(Resource.CUSTOMER_MERGE, Action.CREATE)
def propose() -> ResponseReturnValue:
    """Write the proposal down and show it."""
    chosen = [name for name in CHOOSABLE if request.form.get(TAKEN + name) == OTHER]
    with writing() as session:
        # Only files that who proposes may see: others are not found.
        pair = [customers.get_customer(session, request.form.get(name, "")).id for name in ("into", "other")]
        merge_id = operations.propose(session, pair[0], pair[1], chosen, by=stamp()).id
    notice(_("The merge is proposed; the branch manager decides."))
    return redirect(url_for("merging.one", merge_id=merge_id), code=303)


@blueprint.get("/<id:merge_id>")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
def one(merge_id: str) -> str:
    """Show a merge: what it takes from where, what moves, who proposed and who decided."""
    with reading() as session:
        merge = queries.get_merge(session, merge_id)
        survivor = customers.get_customer(session, merge.survivor_id)
        loser = customers.get_customer(session, merge.loser_id)
        people = {each.id: each.name for each in managers.list_managers(session)}
        chosen = set(merge.chosen)
        return render_template(
            "merging/one.html",
            merge=merge,
            survivor=survivor,
            loser=loser,
            rows=[
                (word, mine, theirs, name in chosen)
                for name, word, mine, theirs in _differing(survivor, loser, people)
            ],
            touched=count_belongings(session, [loser.id], merging=BECOMES),
            becomes=BECOMES,
            own=merge.is_of(stamp()),
        )


@blueprint.post("/<id:merge_id>/approve")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
def approve(merge_id: str) -> ResponseReturnValue:
    """Make one customer of the two."""
    with writing() as session:
        survivor_id = operations.carry_out(session, merge_id, by=stamp()).survivor_id
    notice(_("The two files are one customer now. It can be taken back."))
    return redirect(url_for("desk.customer", customer_id=survivor_id), code=303)


@blueprint.post("/<id:merge_id>/refuse")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
def refuse(merge_id: str) -> ResponseReturnValue:
    """Leave the two files two."""
    with writing() as session:
        operations.refuse(session, merge_id, by=stamp())
    notice(_("The merge is refused; both files stay as they are."))
    return redirect(url_for("merging.index"), code=303)


@blueprint.post("/<id:merge_id>/take-back")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
def take_back(merge_id: str) -> ResponseReturnValue:
    """Make two files of one customer again, and say what stays as it was written since."""
    with writing() as session:
        kept = operations.take_back(session, merge_id, by=stamp())
    if kept:
        words = _(", ").join(_(column_word(name)) for name in kept)
        text = _(
            "The two files are two customers again. What was written since the merge stays: %(fields)s.",
            fields=words,
        )
        notice(text, kind="warning")
    else:
        notice(_("The two files are two customers again, as they were."))
    return redirect(url_for("merging.one", merge_id=merge_id), code=303)


def _differing(
    survivor: Customer, loser: Customer, people: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    """Return the columns in which two files differ: name, word, what the survivor holds and what the other."""
    return [
        (name, column_word(name), worded(survivor, name, people), worded(loser, name, people))
        for name in CHOOSABLE
        if getattr(survivor, name) != getattr(loser, name)
    ]
