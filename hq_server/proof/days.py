"""Matching a branch's closed days: a day is complete when HQ counts and sums what the branch did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.proof.models import DayCheck
from hq_server.replica.models import ReplicaDayClose
from sync_protocol.catalog import CATALOG, Bindings
from sync_protocol.daybook import DayFigures, day_figures

# Older days are matched when their manifest comes, and no more.
WINDOW: Final = timedelta(days=35)
# Days so near are matched once more each day, whatever came.
RECENT: Final = timedelta(days=7)
MOST_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, HQ's local day, and by branch the last batch that is in (and the last one that removed facts)."""

    at: datetime
    today: date
    through: Mapping[int, int]
    removed: Mapping[int, int]


def due_days(session: Session, moment: Moment) -> list[ReplicaDayClose]:
    """Return the manifests to match now: new ones, ones that did not match, and near ones once a day."""
    found = session.execute(
        select(ReplicaDayClose, DayCheck)
        .outerjoin(
            DayCheck,
            (DayCheck.branch_number == ReplicaDayClose.branch_number) & (DayCheck.day == ReplicaDayClose.day),
        )
        .order_by(ReplicaDayClose.branch_number, ReplicaDayClose.day)
        .where(or_(ReplicaDayClose.day >= moment.today - WINDOW, DayCheck.day.is_(None)))
    )
    return [manifest for manifest, check in found if _is_due(manifest, check, moment)]


def check_day(session: Session, manifest: ReplicaDayClose, bindings: Bindings, moment: Moment) -> DayCheck:
    """Count the day here and keep whether it is what the manifest says."""
    number = manifest.branch_number
    held = day_figures(session, bindings, manifest.starts_at, manifest.ends_at, branch_number=number)
    differs = _differences(_expected(session.get_one(Branch, number), manifest), held)
    check = session.get(DayCheck, (number, manifest.day))
    if check is None:
        check = DayCheck(branch_number=number, day=manifest.day)
        session.add(check)
    check.row_lineage, check.row_change = manifest.row_lineage, manifest.row_change
    check.complete, check.differs = not differs, differs[:MOST_TOLD]
    check.through = moment.through.get(number, 0)
    check.checked_at, check.checked_on = moment.at, moment.today
    return check


def _is_due(manifest: ReplicaDayClose, check: DayCheck | None, moment: Moment) -> bool:
    number = manifest.branch_number
    if check is None or (manifest.row_lineage, manifest.row_change) != (check.row_lineage, check.row_change):
        return True
    if check.through < (moment.removed if check.complete else moment.through).get(number, 0):
        return True
    return check.checked_on != moment.today and manifest.day >= moment.today - RECENT


def _expected(branch: Branch, manifest: ReplicaDayClose) -> DayFigures:
    """Return what a manifest says of the record types the branch sends here; others are another receiver's."""
    counts = {name: count for name, count in manifest.counts.items() if branch.sends(name)}
    money = all(branch.sends(record.name) for record in CATALOG.values() if record.money is not None)
    return DayFigures(counts, manifest.totals if money else {})


def _differences(told: DayFigures, held: DayFigures) -> list[dict[str, Any]]:
    """Return every count and sum that the branch tells otherwise than HQ holds it."""
    return [
        {"what": what, "told": theirs.get(what, 0), "held": ours.get(what, 0)}
        for theirs, ours in ((told.counts, held.counts), (told.totals, held.totals))
        for what in sorted(theirs.keys() | ours.keys())
        if theirs.get(what, 0) != ours.get(what, 0)
    ]
