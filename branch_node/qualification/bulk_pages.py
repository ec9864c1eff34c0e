"""Judging and approving many at once: what would change and who is left out is shown before anything is done."""

from collections import Counter
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.qualification import operations, queries
from branch_node.qualification.many import DUE, MOST, MOST_DECIDED, WHOM, customers_meant, would_change
from branch_node.qualification.web import terms, words
from shared.domain.qualification.vocabulary import JudgedAs
from shared.i18n import gettext as _
from shared.i18n import label, translate_error
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import notice
from shared.web.lists import choice_argument

blueprint = Blueprint(
    "bulk_qualification", __name__, template_folder="templates", url_prefix="/qualifications"
)
MOST_SHOWN: Final = MOST_DECIDED


@blueprint.get("/judging")
@requires(Resource.QUALIFICATION, Action.CREATE)
def judging() -> str:
    """Show what judging everybody who is due, or was never judged, would say and change."""
    whom = choice_argument("whom", WHOM) or DUE
    with reading() as session:
        ids = customers_meant(session, whom, terms())
        judged = operations.preview(session, ids, terms=terms(), now=stamp().at)
    changed = [(customer, one) for customer, one in judged if would_change(customer, one)]
    outcomes = Counter(one.outcome for _customer, one in judged)
    return render_template(
        "qualification/judging.html",
        whom=whom,
        whoms=[(code, _(text)) for code, text in WHOM.items()],
        effects=[
            (_("customers are judged"), len(judged)),
            (label(JudgedAs.PASSED), outcomes[JudgedAs.PASSED]),
            (label(JudgedAs.FAILED), outcomes[JudgedAs.FAILED]),
            (_("would get another kind or grade once approved"), len(changed)),
        ],
        changed=changed[:MOST_SHOWN],
        more=max(0, len(changed) - MOST_SHOWN),
        capped=len(ids) == MOST,
        most=MOST,
        **words(),
    )


@blueprint.post("/judging")
@requires(Resource.QUALIFICATION, Action.CREATE)
def judge_all() -> ResponseReturnValue:
    """Judge them and propose what comes out."""
    whom = _whom(request.form.get("whom", DUE))
    with writing() as session:
        done = operations.propose_all(
            session, customers_meant(session, whom, terms()), terms=terms(), by=stamp()
        )
    notice(_("%(count)s customers are judged; somebody else decides on them.", count=len(done.made)))
    if done.kept:
        notice(
            _("Of %(count)s nothing that decides has changed since today's judgement.", count=len(done.kept))
        )
    return redirect(url_for("qualification.index", state="proposed"), code=303)


@blueprint.get("/approving")
@requires(Resource.QUALIFICATION, Action.APPROVE)
def approving() -> str:
    """Show what waits: what approving changes, and what cannot be approved by this person now, with the reason."""
    with reading() as session:
        waiting = queries.list_proposed(session, limit=MOST_SHOWN)
        obstacles = operations.obstacles(
            session, [row.Qualification for row in waiting], terms=terms(), by=stamp()
        )
        rows: list[dict[str, Any]] = [
            {"found": row.Qualification, "customer": row.Customer}
            for row in waiting
            if row.Qualification.id not in obstacles
        ]
        left = [
            (
                f"{row.Customer.customer_no} {row.Customer.name}",
                translate_error(obstacles[row.Qualification.id]),
            )
            for row in waiting
            if row.Qualification.id in obstacles
        ]
    return render_template(
        "qualification/approving.html", rows=rows, left=left, capped=len(waiting) == MOST_SHOWN, **words()
    )


@blueprint.post("/approving")
@requires(Resource.QUALIFICATION, Action.APPROVE)
def approve_all() -> ResponseReturnValue:
    """Approve those that were marked; who cannot be is left out and named."""
    ids = [one for one in dict.fromkeys(request.form.getlist("id")) if is_id(one)][:MOST_SHOWN]
    if not ids:
        notice(_("None was marked, so nothing was approved."), kind="warning")
        return redirect(url_for("bulk_qualification.approving"), code=303)
    with writing() as session:
        done = operations.approve_all(session, ids, terms=terms(), by=stamp())
    notice(_("%(count)s judgements are approved.", count=done.done))
    for named, why in done.left:
        notice(f"{named}: {translate_error(why)}", kind="warning")
    return redirect(url_for("qualification.index"), code=303)


def _whom(code: str) -> str:
    return code if code in WHOM else DUE
