"""Reads of the branches: who they are, how their line to us stands, and what a figure over them covers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch, BranchKey, BranchNode
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_, BranchlineError, Kind

UP_INTERVALS: Final = 1.5
SLOW_INTERVALS: Final = 3.0
# Digits of the number of a branch; more are nonsense that no database takes.
LONGEST_NUMBER: Final = 9


class BranchNotFoundError(BranchlineError):
    """No branch has this code."""

    code = "branch-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no branch %(branch)s.")


class LinkState(Vocabulary):
    """How a branch's line to head office stands."""

    UP = ("up", N_("Up"), "正常")
    SLOW = ("slow", N_("Slow"), "缓慢")
    DOWN = ("down", N_("Down"), "中断")
    WAITING = ("waiting", N_("Never joined"), "尚未加入")


class MissingReason(Vocabulary):
    """Why a figure does not cover a branch."""

    NEVER_JOINED = ("never-joined", N_("has not joined yet"), "尚未加入")
    NEVER_COMPLETE = ("never-complete", N_("has not finished its first delivery"), "首次上传尚未完成")
    NEVER_COUNTED = ("never-counted", N_("has not told a count yet"), "尚未上报统计")
    LEFT_OUT = ("left-out", N_("left out by the filter"), "已被筛选排除")


@dataclass(frozen=True, slots=True)
class Covered:
    """A branch that a figure includes, complete as of `as_of`."""

    number: int
    code: str
    name: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """A branch that a figure does not cover as a whole, and why; part of its rows may be in."""

    number: int
    code: str
    name: str
    why: MissingReason


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which branches a figure covers, each as of when, and which are missing; stands under every figure."""

    included: tuple[Covered, ...]
    missing: tuple[Missing, ...]
    now: datetime

    @property
    def total(self) -> int:
        """How many branches the figure is about."""
        return len(self.included) + len(self.missing)

    @property
    def oldest(self) -> Covered | None:
        """The included branch whose data is oldest; the figure as a whole is as of then."""
        return min(self.included, key=lambda branch: (branch.as_of, branch.code), default=None)

    @property
    def as_of(self) -> datetime | None:
        """The instant up to which every included branch is complete, or None when none is."""
        return self.oldest.as_of if self.oldest else None

    def covers(self, number: int) -> bool:
        """Whether this branch's figures are complete as of some time."""
        return any(branch.number == number for branch in self.included)

    def only(self, numbers: Collection[int]) -> "Coverage":
        """Narrow to a filter's branches; with no `numbers` the coverage stays as it is."""
        if not numbers:
            return self
        return Coverage(
            tuple(branch for branch in self.included if branch.number in numbers),
            tuple(branch for branch in self.missing if branch.number in numbers),
            self.now,
        )


def link_state(
    last_seen_at: datetime | None, push_interval_s: int, last_cycle_ms: int | None, now: datetime
) -> LinkState:
    """Tell how a line stands from when the branch was last heard and how long its last cycle took.

    Up: heard within 1.5 push intervals. Slow: within 3, or the cycle took over half an interval. Else down.
    """
    if last_seen_at is None:
        return LinkState.WAITING
    silence = now - last_seen_at
    interval = timedelta(seconds=push_interval_s)
    if silence > interval * SLOW_INTERVALS:
        return LinkState.DOWN
    dragging = last_cycle_ms is not None and last_cycle_ms * 2 > push_interval_s * 1000
    return LinkState.SLOW if dragging or silence > interval * UP_INTERVALS else LinkState.UP


def branch_link(branch: Branch, now: datetime) -> LinkState:
    """Tell how the line of `branch` stands now."""
    return link_state(branch.last_seen_at, branch.push_interval_s, branch.last_cycle_ms, now)


def coverage(session: Session, now: datetime) -> Coverage:
    """Return what a figure over all branches covers now, in code order."""
    included: list[Covered] = []
    missing: list[Missing] = []
    for branch in list_branches(session):
        if branch.data_as_of is not None:
            included.append(Covered(branch.number, branch.code, branch.name, branch.data_as_of))
        else:
            why = MissingReason.NEVER_JOINED if branch.joined_at is None else MissingReason.NEVER_COMPLETE
            missing.append(Missing(branch.number, branch.code, branch.name, why))
    return Coverage(tuple(included), tuple(missing), now)


def list_branches(session: Session) -> Sequence[Branch]:
    """Return every branch, by code."""
    return session.scalars(select(Branch).order_by(Branch.code)).all()


def find_branch(session: Session, code: str) -> Branch | None:
    """Return the branch with this code, or None."""
    return session.scalars(select(Branch).where(Branch.code == code)).one_or_none()


def get_branch(session: Session, code: str) -> Branch:
    """Return the branch with this code; raises BranchNotFoundError."""
    branch = find_branch(session, code)
    if branch is None:
        raise BranchNotFoundError(branch=code)
    return branch


def find_branch_numbered(session: Session, text: str) -> Branch | None:
    """Return the branch with the number that `text` is, as the operation log names branches, or None."""
    plain = text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
    return session.get(Branch, int(text)) if plain else None


def list_keys(session: Session, branch_number: int) -> Sequence[BranchKey]:
    """Return the keys pinned for a branch, newest first, revoked ones included."""
    statement = select(BranchKey).where(BranchKey.branch_number == branch_number)
    return session.scalars(statement.order_by(BranchKey.pinned_at.desc(), BranchKey.key_id)).all()


def find_node_owner(session: Session, node_id: str) -> int | None:
    """Return the number of the branch whose node this is or was, or None."""
    present = session.scalar(select(Branch.number).where(Branch.node_id == node_id))
    if present is not None:
        return present
    return session.scalar(select(BranchNode.branch_number).where(BranchNode.node_id == node_id))


def branch_options(session: Session) -> list[tuple[str, str]]:
    """Return (number, code and name) of every branch, for a form."""
    return [(str(branch.number), f"{branch.code} {branch.name}") for branch in list_branches(session)]
