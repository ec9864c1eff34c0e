"""What accounts must keep at a node: as usual, or as head office has fixed it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# No setting or policy lets a session live longer.
LONGEST_EVER: Final = timedelta(hours=24)
# Somebody who has proven the password has so long for the second step, enrolling included.
HALF_WAY: Final = timedelta(minutes=30)
# What takes data out of the node asks for the second step again when it was proven longer ago.
FRESH: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """The rules in force.

    `second_step_kinds` are the kinds of staff asked for a second step beyond those that always are. `free_tries` wrong
    tries of one account from one address cost no wait; then each doubles it, up to `longest_wait`.
    """

    session_longest: timedelta = timedelta(hours=12)
    session_idle: timedelta = timedelta(hours=2)
    password_shortest: int = 8
    free_tries: int = 5
    longest_wait: timedelta = timedelta(minutes=15)
    second_step_kinds: frozenset[str] = frozenset()


USUAL: Final = AccountRules()
