"""Within what bounds personal data is exported at a node: as usual, or as head office has fixed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.domain.published.policies import EXPORT_A_DAY, EXPORT_ALONE, EXPORT_FETCHES, EXPORT_HOURS

EXPORT_POLICIES: Final = (EXPORT_ALONE, EXPORT_A_DAY, EXPORT_HOURS, EXPORT_FETCHES)


@dataclass(frozen=True, slots=True)
class ExportRules:
    """The bounds in force: more rows than `alone` take a second person, nobody takes more than `a_day` in a day.

    What was approved is made and fetched within `lifetime`, at most `fetches` times.
    """

    alone: int = 1_000
    a_day: int = 50_000
    lifetime: timedelta = timedelta(hours=24)
    fetches: int = 3


USUAL: Final = ExportRules()


def rules_of(policies: Mapping[str, Any]) -> ExportRules:
    """Return the rules by the policies in force; what is not fixed is as usual."""
    hours = policies.get(EXPORT_HOURS)
    return ExportRules(
        alone=policies.get(EXPORT_ALONE, USUAL.alone),
        a_day=policies.get(EXPORT_A_DAY, USUAL.a_day),
        lifetime=USUAL.lifetime if hours is None else timedelta(hours=hours),
        fetches=policies.get(EXPORT_FETCHES, USUAL.fetches),
    )
