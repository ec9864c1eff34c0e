"""What the security page reads: accounts, slowed sign-ins, open sessions, and the ages of keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from shared.auth.models import SecondStep, SignInThrottle, User, UserSession
from shared.auth.rules import LONGEST_EVER, AccountRules
from shared.auth.second_step import is_required
from shared.config import Home
from shared.errors import N_
from shared.rights.policy import Grant, policy
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import Action, Resource, StaffKind

UNUSED_AFTER: Final = timedelta(days=90)


class Look(StrEnum):
    """Which accounts are looked at."""

    ALL = "all"
    NEVER = "never"
    UNUSED = "unused"
    ONE_STEP = "one-step"


@dataclass(frozen=True, slots=True)
class Account:
    """One account as the page shows it."""

    id: str
    username: str
    name: str
    kind: StaffKind
    last_sign_in_at: datetime | None
    enabled: bool
    enrolled: bool
    required: bool
    unused: bool


@dataclass(frozen=True, slots=True)
class Slowed:
    """A sign-in that has to wait: of whom (None: a name nobody has), from where, until when."""

    key: str
    counts: str
    user: User | None
    terminal: str | None
    failures: int
    blocked_until: datetime


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One kind of key file: what it is for, what to do when it is old, after how many days that is (None: never)."""

    label: str
    advice: str
    days: int | None


@dataclass(frozen=True, slots=True)
class KeyAge:
    """One key file of this node."""

    file: str
    kind: KeyKind
    since: datetime
    old: bool


SIGNING: Final = KeyKind(
    N_("Signs what this node sends"),
    N_("A branch announces a new one by the command rotate-key; head office's is pinned by every branch."),
    365,
)
KEYS: Final = {
    "session.key": KeyKind(
        N_("Signs the cookies of this node"),
        N_("Delete the file while the node is stopped and run init again; everybody signs in anew."),
        365,
    ),
    "hq.key": KeyKind(
        N_("Signs the receipts of head office"),
        N_("Every branch has pinned it: leave it as long as nobody else can have read it."),
        None,
    ),
    "second-step.key": KeyKind(
        N_("Opens the secrets of authenticators"),
        N_("Keep it with the backups: without it every second step has to be set up again."),
        None,
    ),
    "log.key": KeyKind(
        N_("Opens the sealed values of the operation log"),
        N_("Keep it with the backups: without it these values cannot be read any more."),
        None,
    ),
}


def select_accounts(look: Look, *, now: datetime) -> Select[*tuple[Any, ...]]:
    """Select accounts with their second step; those looked at can sign in."""
    statement = select(User, SecondStep.confirmed_at).outerjoin(SecondStep, SecondStep.user_id == User.id)
    return statement if look is Look.ALL else statement.where(User.disabled_at.is_(None), *_looks(now)[look])


def count_looks(session: Session, *, now: datetime) -> dict[Look, int]:
    """Return how many accounts each look shows."""
    return {
        look: session.scalar(select(func.count()).select_from(select_accounts(look, now=now).subquery())) or 0
        for look in Look
    }


def account_of(user: User, confirmed_at: datetime | None, *, rules: AccountRules, now: datetime) -> Account:
    """Return an account as the page shows it."""
    used = user.last_sign_in_at
    return Account(
        id=user.id,
        username=user.username,
        name=user.name,
        kind=user.kind,
        last_sign_in_at=used,
        enabled=user.enabled,
        enrolled=confirmed_at is not None,
        required=is_required(user, rules),
        unused=used is not None and now - used > UNUSED_AFTER,
    )


def list_slowed(session: Session, *, now: datetime) -> list[Slowed]:
    """Return the sign-ins that have to wait now, the longest first; who sees some people only, theirs."""
    rows = session.scalars(
        select(SignInThrottle)
        .where(SignInThrottle.blocked_until > now)
        .order_by(SignInThrottle.blocked_until.desc(), SignInThrottle.key)
    ).all()
    named = {row.user_id for row in rows if row.user_id}
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(named)))}
    seen = sight_of(session)
    limited = seen is not None and seen.branches is not None
    return [
        Slowed(
            row.key,
            row.counts or "",
            users.get(row.user_id or ""),
            row.terminal,
            row.failures,
            row.blocked_until,
        )
        for row in rows
        if not limited or row.user_id in users
    ]


def select_sessions(rules: AccountRules, *, now: datetime) -> Select[*tuple[Any, ...]]:
    """Select the sessions that are open now, with whose they are."""
    longest = min(rules.session_longest, LONGEST_EVER)
    return (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.began_at >= now - longest, UserSession.seen_at >= now - rules.session_idle)
    )


def list_keys(home: Home, *, now: datetime) -> list[KeyAge]:
    """Return the key files of this node with their ages, as the files say."""
    found = []
    for path in sorted(home.keys.glob("*.key")):
        kind = KEYS.get(path.name, SIGNING)
        since = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        old = kind.days is not None and now - since > timedelta(days=kind.days)
        found.append(KeyAge(path.name, kind, since, old))
    return found


def compare_kinds(
    one: StaffKind, other: StaffKind
) -> list[tuple[Resource, Sequence[Grant], Sequence[Grant]]]:
    """Return where the policy table gives two kinds different rights."""
    table = policy()
    pairs = [(resource, table[resource, one], table[resource, other]) for resource in Resource]
    return [pair for pair in pairs if set(pair[1]) != set(pair[2])]


def actions_in(grants: Sequence[Grant]) -> list[tuple[Grant, list[Action]]]:
    """Return each grant with its actions in the order of the table."""
    return [(grant, [action for action in Action if action in grant.actions]) for grant in grants]


def _looks(now: datetime) -> dict[Look, tuple[ColumnElement[bool], ...]]:
    return {
        Look.NEVER: (User.last_sign_in_at.is_(None),),
        Look.UNUSED: (User.last_sign_in_at < now - UNUSED_AFTER,),
        Look.ONE_STEP: (SecondStep.confirmed_at.is_(None),),
    }
