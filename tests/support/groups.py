"""Groups of tests that a machine may be unable to run: skipped by name and listed at the end, never lost."""

from collections import Counter
from typing import Any, Final, NoReturn

import pytest

MARK: Final = "NOT RUN"
# Why a test of two writers at once does not run on SQLite.
ONE_WRITER: Final = "it has one writer at a time: what this is about cannot happen"


def not_run(group: str, reason: str) -> NoReturn:
    """Skip the present test as one of `group`; the run's summary then says so with the reason."""
    pytest.skip(f"{MARK} [{group}] {reason}")


def reason_of(report: Any) -> str:
    """Return why a report was skipped, without pytest's own prefix."""
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).removeprefix("Skipped: ")


def write_summary(reporter: Any) -> None:
    """Print every reason for which tests did not run, with how many they were."""
    reasons = Counter(reason_of(report) for report in reporter.stats.get("skipped", []))
    if not reasons:
        return
    reporter.section(MARK, sep="!", yellow=True, bold=True)
    for reason, count in sorted(reasons.items()):
        reporter.line(f"{count:5} tests  {reason.removeprefix(MARK).strip()}", yellow=True)
    reporter.line("These prove nothing in this run; see CONTRIBUTING.md for what they need.", yellow=True)
