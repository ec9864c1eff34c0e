"""The pages of the proof: which branches HQ equals, what differed and what was done, which days are complete."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches.queries import get_branch
from hq_server.branches.web import day as day_asked
from hq_server.branches.web import scope
from hq_server.proof.models import Difference
from hq_server.proof.operations import ask
from hq_server.proof.queries import select_differences
from hq_server.verification import queries
from hq_server.verification.operations import ask_branches
from hq_server.verification.queries import BranchDay, BranchProof, DayState, Verdict
from shared.domain.wire_words import RECORD_NAMES
from shared.errors import N_
from shared.i18n import format_instant, format_number
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import notice
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("verification", __name__, template_folder="templates", url_prefix="/proof")

VERDICTS: Final = {
    Verdict.EQUAL: (N_("equal"), "ok"),
    Verdict.UNPROVEN: (N_("not proven yet"), "info"),
    Verdict.REPAIRING: (N_("being repaired"), "warn"),
    Verdict.PERSON: (N_("needs a person"), "bad"),
}
DAY_STATES: Final = {
    DayState.COMPLETE: (N_("complete"), "ok"),
    DayState.DIFFERS: (N_("differs"), "bad"),
    DayState.UNCHECKED: (N_("being matched"), "info"),
    DayState.MISSING: (N_("not closed yet"), "warn"),
}
KINDS: Final = {
    "changed": N_("other content"),
    "missing": N_("head office had none"),
    "extra": N_("the branch has none"),
}
MOST_SHOWN: Final = 5


@blueprint.get("")
@requires(Resource.PROOF, Action.READ)
def index() -> str:
    """List how every branch stands, worst first, and how yesterday was closed."""
    yesterday = _today() - timedelta(days=1)
    with reading() as session:
        standing = queries.branch_proofs(session)
        days = queries.days_of(session, yesterday, timezone=runtime().settings.timezone)
    order = list(Verdict)
    standing.sort(key=lambda one: (-order.index(one.verdict), one.branch.code))
    return render_template(
        "verification/index.html",
        standing=standing,
        equal=sum(one.verdict is Verdict.EQUAL for one in standing),
        days=days,
        complete=sum(one.state is DayState.COMPLETE for one in days),
        yesterday=yesterday,
        **_words(),
    )


@blueprint.get("/branches/<code>")
@requires(Resource.PROOF, Action.READ)
def one(code: str) -> str:
    """Show how one branch stands, table by table, and what differed lately."""
    with reading() as session:
        branch = get_branch(session, code)
        found = queries.branch_proofs(session, code=branch.code)
        latest = session.scalars(select_differences(branches=[branch.number]).limit(10)).all()
    return render_template(
        "verification/one.html",
        branch=branch,
        standing=found[0] if found else None,
        differences=latest,
        **_words(),
    )


@blueprint.post("/asking")
@requires(Resource.PROOF, Action.UPDATE)
def verify_now() -> ResponseReturnValue:
    """Have one branch, or all of them, prove themselves at their next contact."""
    code = request.form.get("branch", "")
    with writing() as session:
        if code:
            branch = get_branch(session, code)
            ask(session, branch.number, branch.code, by=stamp())
        else:
            ask_branches(session, queries.branch_proofs(session), everybody=True, by=stamp())
    notice(_("Asked. A branch proves itself at its next contact; this page then shows it."))
    back = url_for("verification.one", code=code) if code else url_for("verification.index")
    return redirect(back, code=303)


@blueprint.get("/differences")
@requires(Resource.PROOF, Action.READ)
def differences() -> str:
    """List every difference that was ever found, newest first, with its rows and when it was repaired."""
    with reading() as session:
        around = scope(session)
        page = paginate(
            session,
            select_differences(branches=around.chosen),
            PageRequest.from_query(("id",), default="-id"),
            sorts={"id": Difference.id},
            tie=Difference.id,
        )
    return render_template("verification/differences.html", page=page, scope=around, **_words())


@blueprint.get("/days")
@requires(Resource.PROOF, Action.READ)
def days() -> str:
    """Show how one day stands at every branch: how many are complete, which are not, and why."""
    day = day_asked("day", _("Day")) or _today() - timedelta(days=1)
    with reading() as session:
        found = queries.days_of(session, day, timezone=runtime().settings.timezone)
    return render_template(
        "verification/days.html",
        day=day,
        days=[(one, _why(one)) for one in found],
        complete=sum(one.state is DayState.COMPLETE for one in found),
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < _today() else None,
        **_words(),
    )


def summary(session: Session, now: datetime) -> dict[str, Any]:
    """Return the line of the overview: how many branches are proven equal, and how many closed yesterday."""
    zone = runtime().settings.timezone
    yesterday = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    standing = queries.branch_proofs(session)
    closed = queries.days_of(session, yesterday, timezone=zone)
    return {
        "branches": len(standing),
        "equal": sum(one.verdict is Verdict.EQUAL for one in standing),
        "yesterday": yesterday,
        "days": len(closed),
        "complete": sum(one.state is DayState.COMPLETE for one in closed),
    }


def sentence(one: BranchProof) -> str:
    """Say how a branch stands in one sentence."""
    if one.as_of is None:
        return _("Branch %(code)s has not been proven equal yet", code=one.branch.code)
    when = format_instant(one.as_of, timezone=runtime().settings.timezone)
    told = {"code": one.branch.code, "batch": format_number(one.through), "when": when}
    if one.equal:
        return _("Branch %(code)s equals head office through batch %(batch)s (%(when)s)", **told)
    return _("Branch %(code)s was last equal through batch %(batch)s (%(when)s)", **told)


def _why(one: BranchDay) -> str:
    """Say why a day is not complete."""
    if one.state is DayState.MISSING:
        seen = one.branch.last_seen_at
        if seen is None:
            return _("never heard")
        when = format_instant(seen, timezone=runtime().settings.timezone)
        return _("no manifest has arrived; last heard %(when)s", when=when)
    if one.state is DayState.UNCHECKED:
        return _("the manifest is here and is matched within minutes")
    if one.check is None or one.check.complete:
        return ""
    parts = [
        _(
            "%(what)s: the branch says %(told)s, head office holds %(held)s",
            what=_figure(differs["what"]),
            told=format_number(differs["told"]),
            held=format_number(differs["held"]),
        )
        for differs in one.check.differs[:MOST_SHOWN]
    ]
    return "; ".join(parts)


def _figure(name: str) -> str:
    """Return what people call a count, or a sum by its currency, period, kind and product."""
    words = RECORD_NAMES.get(name)
    return _(words) if words else name


def _today() -> date:
    return stamp().at.astimezone(ZoneInfo(runtime().settings.timezone)).date()


def _words() -> dict[str, Any]:
    return {
        "record_names": RECORD_NAMES,
        "verdicts": VERDICTS,
        "day_states": DAY_STATES,
        "kinds": KINDS,
        "sentence": sentence,
    }
