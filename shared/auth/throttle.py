"""How long to wait after wrong tries: decided here, stored by operations.

Three counters are kept for each try. The account from one address is slowed hard, for that is how a
password is guessed. One address over all accounts is slowed when it tries many. One account over all
addresses is slowed a little only, so that strangers cannot lock a person out.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.auth.rules import USUAL, AccountRules

FORGET_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """So many tries are free; after them each doubles the wait, up to a longest. `counts` says what it counts."""

    counts: str
    free: int
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return how long nobody may try again after so many failures in a row."""
        beyond = failures - self.free
        if beyond < 0:
            return timedelta()
        return min(timedelta(seconds=2 ** min(beyond, 20)), self.longest)


ADDRESS: Final = Policy("address", free=40, longest=timedelta(minutes=15))
ACCOUNT: Final = Policy("account", free=20, longest=timedelta(seconds=30))
# Only who has the password gets here, so this one may be slowed hard over all addresses.
CODES: Final = Policy("codes", free=5, longest=timedelta(minutes=15))
# Two administrators at the terminal, for a restore.
WITNESSES: Final = Policy("restore", free=5, longest=timedelta(minutes=15))

# Somebody who has forgotten a password does not try so often; many people behind one address may.
GUESSES: Final = {"pair": 20, "codes": 20, "account": 60, "address": 60}


def throttle_keys(username: str, address: str, rules: AccountRules = USUAL) -> dict[str, Policy]:
    """Return the counters that one try moves; digests, so that mistyped passwords are not kept as names."""
    return {
        _key("pair", username, address): Policy("pair", rules.free_tries, rules.longest_wait),
        _key("address", address): ADDRESS,
        _key("account", username): ACCOUNT,
    }


def second_step_keys(user_id: str, address: str) -> dict[str, Policy]:
    """Return the counters that one try of an authenticator's code moves; a right password does not reset them."""
    return {_key("codes", user_id): CODES, _key("address", address): ADDRESS}


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
