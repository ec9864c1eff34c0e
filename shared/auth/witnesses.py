"""Two administrators who stand for an act at the terminal, proven by what a backup knows of them.

There is no database to sign in to: the one that runs may be dead, and is about to be replaced. Wrong tries are counted
in a file of the home, which goes with the home when the act is done.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final, Self

from shared.auth import passwords
from shared.auth.errors import TooManyAttemptsError, WitnessesRefusedError
from shared.auth.queries import fold_username
from shared.auth.throttle import FORGET_AFTER, WITNESSES
from shared.config import Home
from shared.rights.vocabulary import StaffKind

log = logging.getLogger(__name__)
TRIES: Final = "restore-tries"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as a backup holds it."""

    id: str
    username: str
    password_hash: str | None

    @classmethod
    def of(cls, row: Mapping[str, str | None]) -> Self | None:
        """Return the account of a row of `users`; None unless it is an administrator's who may sign in."""
        if row.get("kind") != StaffKind.ADMINISTRATOR.value or row.get("disabled_at") is not None:
            return None
        return cls(row["id"] or "", row["username"] or "", row["password_hash"])


def prove_two(
    rows: Iterable[Mapping[str, str | None]], claims: tuple[Claim, Claim]
) -> tuple[Account, Account]:
    """Return the two administrators who have proven who they are; raises WitnessesRefusedError.

    It says the same whatever is wrong, and takes as long: both passwords are compared.
    """
    accounts = {one.username: one for row in rows if (one := Account.of(row)) is not None}
    found = [_prove(accounts.get(fold_username(claim.username)), claim.password) for claim in claims]
    first, second = found
    if first is None or second is None or first.id == second.id:
        raise WitnessesRefusedError
    return first, second


def count_refusal(home: Home, *, at: datetime) -> None:
    """Count a try before it is looked at; raises TooManyAttemptsError while one has to wait.

    Where no node is set up there is nothing to keep the count in, and nothing to be lost.
    """
    if not home.exists:
        return
    tries = refused_tries(home, at=at)
    if tries:
        left = tries[-1] + WITNESSES.wait(len(tries)) - at
        if left.total_seconds() > 0:
            raise TooManyAttemptsError(retry_after=ceil(left.total_seconds()))
    home.write_lines(TRIES, [one.isoformat() for one in [*tries, at]])
    log.warning("two administrators are asked for a restore; try %d", len(tries) + 1)


def refused_tries(home: Home, *, at: datetime) -> Sequence[datetime]:
    """Return when somebody tried in vain of late."""
    return [
        one for one in map(_instant, home.read_lines(TRIES)) if one is not None and one > at - FORGET_AFTER
    ]


def _prove(account: Account | None, password: str) -> Account | None:
    right = passwords.password_matches(account.password_hash if account else None, password)
    return account if right else None


def _instant(line: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(line)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
