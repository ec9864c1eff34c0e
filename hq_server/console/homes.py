"""The first pages of the leader and of an administrator; the analyst's is the overview."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from hq_server.analysis import queries as analysis
from hq_server.analysis.months import month_of, shift
from hq_server.branches.queries import coverage
from hq_server.console import queries
from hq_server.console.charges import charges_table
from hq_server.console.intake import at_the_door
from hq_server.oversight import queries as oversight
from hq_server.oversight.periods import Calendar
from hq_server.oversight.queries import Activity
from hq_server.runtime import HqRuntime
from shared.alarms.queries import count_open
from shared.domain.wire_words import RECORD_NAMES
from shared.i18n import in_zone
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp

homes = Blueprint("homes", __name__, template_folder="templates")
MOST_BATCHES: Final = 12


@dataclass(frozen=True, slots=True)
class BranchPeople:
    """The account managers of one branch, their figures together."""

    code: str
    name: str
    managers: int
    activity: Activity


@homes.get("/group")
@requires(Resource.ANALYSIS, Action.READ)
def group() -> str:
    """Show a leader what is in, charges against last month, the account managers' work: sums and no row behind."""
    now, zone = stamp().at, runtime().settings.timezone
    month = month_of(in_zone(now, zone).date())
    with reading(sums=True) as session:
        covered = coverage(session, now)
        states = queries.fleet(session, now, timezone=zone)
        figures = analysis.months_by_branch(session, month, shift(month, -1))
        return render_template(
            "console/group.html",
            strip=queries.strip(states, covered, timezone=zone),
            coverage=covered,
            customers=queries.customers_together(session, states)
            if may(Resource.CUSTOMER, Action.READ)
            else None,
            month=month,
            charges=charges_table(
                [one.branch for one in states], figures, covered, month=month, timezone=zone
            ),
            people=_people(session, Calendar.at(now, zone)),
            open_alarms=count_open(session),
        )


@homes.get("/nodes")
@requires(Resource.NODE, Action.MANAGE)
def nodes() -> str:
    """Show an administrator how the nodes and their transfers do."""
    now = stamp().at
    with reading() as session:
        states = queries.fleet(session, now, timezone=runtime().settings.timezone)
        covered = coverage(session, now)
        return render_template(
            "console/nodes.html",
            states=states,
            strip=queries.strip(states, covered, timezone=runtime().settings.timezone),
            coverage=covered,
            batches=session.scalars(queries.select_batches().limit(MOST_BATCHES)).all(),
            names={one.branch.number: one.branch for one in states},
            open_alarms=count_open(session),
            free=runtime(HqRuntime).space.free_bytes(),
            full=runtime(HqRuntime).space.is_full,
            door=at_the_door(runtime(HqRuntime).intake.look(), [one.branch for one in states]),
            record_names=RECORD_NAMES,
        )


def _people(session: Session, calendar: Calendar) -> list[BranchPeople]:
    found: dict[str, BranchPeople] = {}
    for row in oversight.board(session, calendar):
        before = found.get(row.branch_code) or BranchPeople(row.branch_code, row.branch_name, 0, Activity())
        found[row.branch_code] = BranchPeople(
            row.branch_code, row.branch_name, before.managers + 1, before.activity + row.activity
        )
    return sorted(found.values(), key=lambda one: -one.activity.untouched_90)
