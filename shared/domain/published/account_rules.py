"""What head office has fixed for accounts, as the rules a node keeps."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from shared.auth.rules import USUAL, AccountRules
from shared.domain.published.policies import (
    PASSWORD_SHORTEST,
    SECOND_STEP_KINDS,
    SESSION_IDLE,
    SESSION_LONGEST,
    SIGN_IN_TRIES,
    SIGN_IN_WAIT,
)

ACCOUNT_POLICIES: Final = (
    SESSION_LONGEST,
    SESSION_IDLE,
    PASSWORD_SHORTEST,
    SIGN_IN_TRIES,
    SIGN_IN_WAIT,
    SECOND_STEP_KINDS,
)


def rules_of(policies: Mapping[str, Any]) -> AccountRules:
    """Return the rules by the policies in force; what is not fixed is as usual."""
    return AccountRules(
        session_longest=_span(policies, SESSION_LONGEST, timedelta(hours=1), USUAL.session_longest),
        session_idle=_span(policies, SESSION_IDLE, timedelta(minutes=1), USUAL.session_idle),
        password_shortest=policies.get(PASSWORD_SHORTEST, USUAL.password_shortest),
        free_tries=policies.get(SIGN_IN_TRIES, USUAL.free_tries),
        longest_wait=_span(policies, SIGN_IN_WAIT, timedelta(minutes=1), USUAL.longest_wait),
        second_step_kinds=frozenset(policies.get(SECOND_STEP_KINDS, ())),
    )


def _span(policies: Mapping[str, Any], name: str, unit: timedelta, usual: timedelta) -> timedelta:
    return policies[name] * unit if name in policies else usual
