"""A problem to answer a branch with, from the protocol's register; and what people may ask in vain."""

from typing import Any

from shared.errors import N_, BranchlineError, Kind
from sync_protocol.contract.codes import Problem


class NoContenderError(BranchlineError):
    """No node is refused as a copy of this branch."""

    code = "no-contender"
    kind = Kind.CONFLICT
    message = N_("No other node speaks as branch %(branch)s now.")


class SyncRefusedError(Exception):
    """The request is refused with `problem`; `detail` is for logs and people, `members` for the machine."""

    def __init__(self, problem: Problem, detail: str = "", **members: Any) -> None:  # noqa: ANN401 - JSON values
        """Refuse with this problem."""
        super().__init__(problem.value.code, detail)
        self.problem = problem
        self.detail = detail
        self.members = members
