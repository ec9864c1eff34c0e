"""Granting duties and a data range: by somebody of the business, within the kind's ceiling, to nobody's own self."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth import queries
from shared.auth.errors import (
    BranchesTooManyError,
    DutyNotOpenError,
    OwnRightsError,
    RangeTooWideError,
    RightsRefusedError,
)
from shared.auth.models import User
from shared.auth.sessions import end_sessions
from shared.rights import policy
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import BUSINESS, Action, DataRange, Duty, Resource, StaffKind
from shared.stamp import Stamp, Via


@dataclass(frozen=True, slots=True)
class Rights:
    """What is granted to a person; `branches` narrows a range at head office to branches of these numbers."""

    data_range: DataRange
    duties: Sequence[Duty] = ()
    branches: Sequence[int] | None = None


def ranges_open_to(kind: StaffKind) -> list[DataRange]:
    """Return the data ranges that may be granted to somebody of this kind, narrowest first."""
    widest = policy.ceiling(kind)
    named = {grant.range for resource in BUSINESS for grant in policy.policy()[resource, kind]}
    open_ = {DataRange.NONE, widest, *(one for one in named if one is not DataRange.AGGREGATE)}
    return [one for one in DataRange if one in open_]


def grant_rights(session: Session, user: User, rights: Rights, *, by: Stamp) -> None:
    """Grant a person duties and a data range; their sessions end. The same again writes nothing.

    Raises OwnRightsError, RightsRefusedError, RangeTooWideError, BranchesTooManyError and DutyNotOpenError.
    """
    check_not_oneself(user, by)
    _check_business(session, by)
    _check_within(session, rights)
    if rights.data_range not in ranges_open_to(user.kind):
        raise RangeTooWideError(field="data_range")
    refused = [duty for duty in rights.duties if duty not in policy.duties_open_to(user.kind)]
    if refused:
        raise DutyNotOpenError(field="duties", duty=refused[0].label)
    before, after = _said(user), _granted(rights)
    if before == after:
        return
    user.duties, user.data_range = _codes(rights.duties), rights.data_range
    user.branches = _narrowed(rights)
    end_sessions(session, user)
    details = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    audit.record(session, "user.rights-granted", subject=("user", user.id), by=by, details=details)


def check_not_oneself(user: User, by: Stamp) -> None:
    """Refuse who would change their own kind, duties, range or account; raises OwnRightsError."""
    if by.via is Via.WEB and user.username == by.actor:
        raise OwnRightsError


def _check_business(session: Session, by: Stamp) -> None:
    # The command line stands for the first grant of all: at a new node nobody of the business has a right to give.
    if by.via is Via.COMMAND:
        return
    granter, seen = queries.find_user(session, by.actor), sight_of(session)
    tier = seen.person.tier if seen is not None and seen.person is not None else None
    if granter is None or not policy.may(granter.rights_at(tier), Resource.RIGHT, Action.APPROVE):
        raise RightsRefusedError


def _check_within(session: Session, rights: Rights) -> None:
    # Who sees some branches only cannot let somebody else see more than they do.
    seen = sight_of(session)
    if seen is None or seen.branches is None:
        return
    if not rights.branches or not set(rights.branches) <= set(seen.branches):
        raise BranchesTooManyError(field="branches")


def _said(user: User) -> dict[str, object]:
    return {"data_range": user.data_range.value, "duties": list(user.duties), "branches": user.branches}


def _granted(rights: Rights) -> dict[str, object]:
    return {
        "data_range": rights.data_range.value,
        "duties": _codes(rights.duties),
        "branches": _narrowed(rights),
    }


def _codes(duties: Collection[Duty]) -> list[str]:
    return [duty.value for duty in Duty if duty in duties]


def _narrowed(rights: Rights) -> list[int] | None:
    return sorted(set(rights.branches)) if rights.branches else None
