"""When a branch's timer is next to go off: spread over the interval, so that many do not tick together."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch


def next_push_after(session: Session, branch: Branch, now: datetime) -> int:
    """Return in how many seconds the branch's next slot comes, about one interval from now."""
    before = func.count().filter(Branch.number < branch.number)
    place, of = session.execute(select(before, func.count()).where(Branch.node_id.is_not(None))).one()
    return seconds_to_slot(place, max(1, of), interval_s=branch.push_interval_s, at_s=now.timestamp())


def seconds_to_slot(place: int, of: int, *, interval_s: int, at_s: float) -> int:
    """Return the seconds from `at_s` to the slot of the branch at `place` among `of`.

    Slots lie evenly in each interval. It is the one nearest to a whole interval away, so a branch keeps its pace
    while it moves into its slot.
    """
    away = (interval_s * place / of - at_s) % interval_s
    return max(1, round(away if away >= interval_s / 2 else away + interval_s))
