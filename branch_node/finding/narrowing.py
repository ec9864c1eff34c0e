"""Filters of the customer list that rest on other slices: not spoken to, not complete, or to be confirmed."""

from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from branch_node.archive import completing
from branch_node.customers.flags import rules_now
from branch_node.customers.listing import Narrowing
from branch_node.customers.upkeep import flagged
from branch_node.worklogs.queries import not_spoken_to
from shared.domain.calendar import local_day
from shared.domain.customers.upkeep import UpkeepKind
from shared.i18n import lazy_gettext as _l
from shared.web.context import runtime, stamp

QUIET: Final = (
    ("30", _l("for 30 days")),
    ("60", _l("for 60 days")),
    ("90", _l("for 90 days")),
    ("180", _l("for 180 days")),
)
LACKING: Final = (
    ("60", _l("below 60%")),
    ("80", _l("below 80%")),
    ("100", _l("below 100%")),
)

EITHER: Final = "any"
FLAGGED: Final = (
    (EITHER, _l("something to confirm")),
    (UpkeepKind.STALE.value, _l("Stale")),
    (UpkeepKind.CONFLICT.value, _l("Conflicting")),
)


def _quiet(_session: Session, chosen: str) -> ColumnElement[bool]:
    now = stamp().at
    return not_spoken_to(now - timedelta(days=int(chosen)), local_day(now, runtime().settings.timezone))


def _lacking(session: Session, chosen: str) -> ColumnElement[bool]:
    return completing.lacks(
        completing.weights_in_force(session, stamp().at, runtime().settings.timezone), below=int(chosen)
    )


def _upkeep(session: Session, chosen: str) -> ColumnElement[bool]:
    return flagged(rules_now(session), UpkeepKind.meant_by(chosen))


NARROWINGS: Final = (
    Narrowing("quiet", _l("No contact"), QUIET, _quiet),
    Narrowing("lacking", _l("Complete"), LACKING, _lacking),
    Narrowing("upkeep", _l("To confirm"), FLAGGED, _upkeep),
)
