"""Receivers besides head office: who gets what, how the line to each stands, and removing one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.outbound import queries, receivers
from branch_node.outbound.queries import Link
from branch_node.receivers.queries import list_open_loads
from branch_node.runtime import BranchRuntime
from shared.domain.wire_words import RECORD_NAMES
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.forms import notice
from sync_protocol.changelog.sealing import count_pending

blueprint = Blueprint("receivers", __name__, template_folder="templates", url_prefix="/sync/receivers")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one receiver stands; `loading` are the record types of which not all is sent yet."""

    name: str
    url: str
    records: Sequence[str]
    line: Link
    loading: Sequence[str]


def list_standings(branch: BranchRuntime) -> list[Standing]:
    """Return how every receiver besides head office stands."""
    now = branch.clock.now()
    found = []
    for view in receivers.views(branch):
        with reading(of=view.database) as session:
            found.append(_standing(session, view, now))
    return found


@blueprint.get("/<name>/removal")
@requires(Resource.NODE, Action.MANAGE)
def removal(name: str) -> str:
    """Show what a receiver has not got yet, and ask whether it shall get nothing more."""
    view = receivers.view_of(runtime(BranchRuntime), name)
    with reading(of=view.database) as session:
        standing, pending = _standing(session, view, view.clock.now()), count_pending(session)
    return render_template(
        "outbound/removal.html", standing=standing, pending=pending, record_names=RECORD_NAMES
    )


@blueprint.post("/<name>/removal")
@requires(Resource.NODE, Action.MANAGE)
def remove(name: str) -> ResponseReturnValue:
    """Send nothing more to a receiver."""
    runtime().space.check()
    give_up = request.form.get("give_up") == "yes"
    count = receivers.leave(runtime(BranchRuntime), name, give_up=give_up, by=stamp())
    notice(_("%(name)s gets nothing more; %(count)s changes were given up.", name=name, count=count))
    return redirect(url_for("outbound.overview"), code=303)


def _standing(session: Session, view: BranchRuntime, now: datetime) -> Standing:
    member = queries.find_membership(session)
    return Standing(
        name=view.receiver,
        url=member.hq_url if member else "",
        records=list(view.bindings),
        line=queries.link(session, now=now),
        loading=[load.record_type for load in list_open_loads(session)],
    )
