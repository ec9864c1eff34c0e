from __future__ import annotations

import pytest

from shared.rights.vocabulary import StaffKind
from tests.support.branch_app import app, clock, make_user, sign_in

__all__ = ["app", "clock", "make_user", "sign_in"]


@pytest.fixture
def boss(make_user, sign_in):
    """A browser in which the branch manager is signed in."""
    make_user("boss", StaffKind.BRANCH_MANAGER)
    return sign_in("boss")
