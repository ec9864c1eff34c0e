"""What head office is told of how fresh the files of customers are: counts, and never whose.

Confirmations of fields stay at the branch, so only the branch can count what is stale or contradictory.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from branch_node.archive.completing import mean_of, weights_in_force
from branch_node.customers import upkeep
from shared.config import Home
from shared.db.base import instant_text
from sync_protocol.contract.messages import UpkeepReport

TOLD: Final = "upkeep-told"
EVERY: Final = timedelta(hours=1)


def is_due(home: Home, now: datetime) -> bool:
    """Tell whether the last count that head office keeps is an hour old, or from a clock that was put back since."""
    lines = home.read_lines(TOLD)
    if len(lines) != 1:
        return True
    told = lines[0]
    return not instant_text(now - EVERY) < told <= instant_text(now)


def upkeep_report(session: Session, now: datetime, timezone: str) -> UpkeepReport:
    """Count the open customers of the branch and what is flagged in their files, by the rules in force here."""
    counted = upkeep.count_all(session, upkeep.rules_in_force(session, now=now, timezone=timezone))
    return UpkeepReport(
        at=instant_text(now),
        customers=counted.customers,
        flagged=counted.flagged,
        stale=counted.stale,
        conflicting=counted.conflicting,
        complete=mean_of(session, weights_in_force(session, now, timezone), upkeep.is_kept_up()),
        fields=dict(counted.fields),
        conflicts=dict(counted.conflicts),
    )
