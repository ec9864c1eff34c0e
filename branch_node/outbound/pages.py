"""The sync page: how the line stands, what waits to go, what went; and "push now"."""

from datetime import datetime
from typing import Any, Final, Literal

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.lanes.queries import count_waiting
from branch_node.outbound import queries, receiver_web
from branch_node.outbound.ahead import MOST_COUNTED
from branch_node.outbound.keys import key_since
from branch_node.outbound.lanes import local_day
from branch_node.outbound.models import Cycle
from branch_node.outbound.outcomes import PUSH, PUSH_RECEIVERS
from branch_node.outbound.queries import Link
from branch_node.outbound.receiver_pages import list_standings
from branch_node.outbound.refusals import count_refused
from branch_node.outbound.results import PLACE, WAITING
from branch_node.proof.queries import list_proofs
from branch_node.receivers.operations import note_wait
from shared.audit.operations import record
from shared.db.scope import FIRST
from shared.db.snapshot import once
from shared.domain.wire_words import RECORD_NAMES
from shared.i18n import format_instant
from shared.i18n import gettext as _
from shared.jobs import operations as jobs
from shared.jobs.queries import find_due, find_holder
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, runtime, stamp
from shared.web.forms import notice
from shared.web.menu import LinkState
from sync_protocol.changelog.oversize import list_oversize
from sync_protocol.changelog.sealing import count_pending
from sync_protocol.contract.keys import fingerprint, key_id, public_key_of

blueprint = Blueprint("outbound", __name__, template_folder="templates", url_prefix="/sync")
SHOWN: Final = 15


@blueprint.get("/")
@requires(Resource.SYNC_STATE, Action.READ)
def overview() -> ResponseReturnValue:
    """Show the line, what waits, the last cycles and batches."""
    branch = receiver_web.chosen()
    public_key = public_key_of(branch.private_key)
    job = PUSH if branch.receiver == FIRST else PUSH_RECEIVERS
    with receiver_web.reading() as session:
        view: dict[str, Any] = {
            "key_since": key_since(session, key_id(public_key)),
            "member": queries.find_membership(session),
            "line": queries.link(session, now=branch.clock.now()),
            "cycles": queries.list_cycles(session, limit=SHOWN),
            "batches": queries.list_recent_batches(session, limit=SHOWN),
            "heads": queries.list_chain_heads(session),
            "refused": count_refused(session),
            "waiting": count_waiting(session, local_day(branch)),
            "too_large": len(list_oversize(session)),
            "proofs": list_proofs(session),
            "busy": find_holder(session, job) is not None,
            "asked": _asked(session),
            "pace": queries.find_pace(session),
            "in_line": _in_line(session),
        }
    view |= {
        "receiver": receiver_web.named(),
        "standings": list_standings(branch) if branch.receiver == FIRST else [],
        "may_remove": may(Resource.NODE, Action.MANAGE),
        "record_names": RECORD_NAMES,
    }
    template = "outbound/_live.html" if request.headers.get("HX-Request") else "outbound/overview.html"
    return render_template(template, fingerprint=fingerprint(public_key), **view)


@blueprint.post("/push")
@requires(Resource.SYNC_STATE, Action.UPDATE)
def push_now() -> ResponseReturnValue:
    """Ask the job runner for a cycle at once; the page then shows how it goes."""
    by = stamp()
    receiver = receiver_web.named()
    job = PUSH_RECEIVERS if receiver else PUSH
    with receiver_web.writing() as session:
        note_wait(session, None)
        asked = jobs.run_soon(session, job, now=by.at)
        record(session, "sync.asked", subject=("job", job), by=by)
    if asked:
        notice(_("The push starts within seconds; this page follows it."))
    else:
        notice(
            _(
                "No job runner has been started on this node yet; start `branch-node serve` or `branch-node jobs`."
            )
        )
    return redirect(url_for("outbound.overview", receiver=receiver), code=303)


def node_name(session: Session) -> str:
    """Return what the frame calls this node."""
    member = queries.find_membership(session)
    return f"{member.branch_name} {member.branch_code}" if member else _("Not joined yet")


def link_state(session: Session) -> LinkState:
    """Return the header's word on the line to HQ."""
    line = queries.link(session, now=runtime().clock.now(), pending=waiting(session))
    return LinkState(text=_words(line), state=_tone(line), url=url_for("outbound.overview"))


def waiting(session: Session) -> int:
    """Return how many changes wait to go, for the menu and the header; beyond MOST_COUNTED no more are counted."""
    return once(session, count_pending, most=MOST_COUNTED)


def _words(line: Link) -> str:
    if line.state == "waiting":
        return _("Not joined to head office yet")
    count = f"{line.pending}+" if line.pending >= MOST_COUNTED else line.pending
    if line.state == "down":
        since = _clock(line.down_since)
        return _("Line down since %(time)s, %(count)s changes waiting", time=since, count=count)
    if line.pending:
        return _(
            "%(count)s changes waiting; last contact %(time)s", count=count, time=_clock(line.last_contact)
        )
    return _("Caught up %(time)s", time=_clock(line.last_contact))


def _tone(line: Link) -> Literal["up", "slow", "down"]:
    if line.state == "up":
        return "up"
    return "down" if line.state == "down" else "slow"


def _clock(at: datetime | None) -> str:
    return format_instant(at, timezone=runtime().settings.timezone) if at else "–"


def _in_line(session: Session) -> dict[str, object] | None:
    """Return how many branches head office takes in first, and when it takes this one; None unless it waits."""
    last = queries.find_last_cycle(session)
    if last is None or last.outcome != WAITING:
        return None
    return {"place": last.counts.get(PLACE, 0), "at": find_due(session, PUSH)}


def _asked(session: Session) -> Cycle | None:
    last = queries.find_last_cycle(session)
    return last if last is not None and last.ended_at is None else None
