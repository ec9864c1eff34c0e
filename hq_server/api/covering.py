"""What figures for programs cover: as of when each branch is in, and which are not."""

from datetime import datetime
from typing import Any

from hq_server.branches.queries import Coverage
from hq_server.branches.web import Scope


def as_of_each(scope: Scope) -> dict[int, datetime | None]:
    """Return by number as of when each branch is in that figures cover."""
    return {one.number: one.as_of for one in scope.coverage.included}


def covered_by(covered: Coverage) -> dict[str, Any]:
    """Return as of when figures are, and which branches they miss and why."""
    missing = [{"branch": one.code, "why": one.why} for one in covered.missing]
    return {"as_of": covered.as_of, "missing": missing}
