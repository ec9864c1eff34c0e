"""The register of problems the sync endpoints answer with (RFC 9457), each with its status and remedy."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

PROBLEM_TYPE: Final = "https://branchline.dev/problems/"
PROBLEM_CONTENT_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: HTTP `status`, whether sending the same again can help, and what it means."""

    code: str
    status: int
    retry: bool
    meaning: str


class Problem(Enum):
    """Every problem a sync endpoint may answer with."""

    MALFORMED = ProblemKind("malformed", 400, False, "The body is not what its headers say, or not a batch.")
    SIGNATURE = ProblemKind(
        "signature", 401, False, "The signature is missing, wrong, or does not cover what it must."
    )
    CLOCK_SKEW = ProblemKind(
        "clock-skew", 401, True, "Signed too long ago or in the future; sign again with `hq_time`."
    )
    REPLAY = ProblemKind(
        "replay", 401, True, "This signed message was seen before; sign again with a new nonce."
    )
    UNKNOWN_NODE = ProblemKind(
        "unknown-node", 403, False, "The key is not pinned for any branch, or was revoked."
    )
    CODE_REFUSED = ProblemKind(
        "code-refused", 403, False, "The enrolment code is unknown, used or expired; ask HQ for a new one."
    )
    GAP = ProblemKind(
        "gap", 409, True, "An earlier batch of this channel is missing; send from `expected` on."
    )
    FORK = ProblemKind(
        "fork-detected", 409, False, "This number was used for other content, or follows another history."
    )
    DUPLICATE = ProblemKind(
        "duplicate-node", 409, False, "Another node has spoken as this branch since: one of them is a copy."
    )
    TOO_LARGE = ProblemKind("oversize", 413, False, "The body is over the limit.")
    ENCODING = ProblemKind("encoding", 415, False, "Content-Encoding must be zstd, gzip or identity.")
    SCHEMA = ProblemKind(
        "schema-unsupported", 422, False, "This protocol or record version is not known here."
    )
    BUSY = ProblemKind("busy", 503, True, "HQ cannot take this now; try again after Retry-After.")


def find_problem(code: str) -> Problem | None:
    """Return the problem with this code, or None for a code of a newer version."""
    return next((problem for problem in Problem if problem.value.code == code), None)
