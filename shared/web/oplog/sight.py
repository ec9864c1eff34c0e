"""What of the log a page shows to whom: the policy's row of the operation log, beside the rows that a session sees.

Whose entries are whose is declared with all other ranges (`ranges.py` of either app) and holds in every statement.
Here stands what is said of the log alone: sums without entries, and technical entries without values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement

from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.rights import policy
from shared.rights.vocabulary import Action, DataRange, Resource
from shared.web.context import rights_of

# What the business does; the rest keeps the node going, and is all an administrator sees.
BUSINESS_MODULES: Final = (
    "customer",
    "bill-line",
    "work-log",
    "manager",
    "customer-month",
    "department",
    "staff",
    "import",
    "recovered",
    "parked",
    "refused",
    "analysis",
    "published",
)


@dataclass(frozen=True, slots=True)
class LogSight:
    """How somebody sees the log: `counts_only` without entries, `masked` technical ones without values."""

    counts_only: bool
    masked: bool

    def conditions(self, modules: Callable[[], Iterable[str]]) -> list[ColumnElement[bool]]:
        """Return what an entry meets besides the range of the session; `modules` names all that the log has.

        Named one by one, for an index finds those and has nothing to say of all but some.
        """
        return [AuditEntry.module.in_(self.shown(modules()))] if self.masked else []

    def shown(self, modules: Iterable[str]) -> list[str]:
        """Return those of some modules that this person sees."""
        return [one for one in modules if not (self.masked and one in BUSINESS_MODULES)]


def sight_of(user: User) -> LogSight | None:
    """Return how `user` sees the log, or None."""
    found = policy.allowed(rights_of(user), Resource.OPERATION_LOG, Action.READ)
    return None if found is None else LogSight(found.range is DataRange.AGGREGATE, found.masked)
