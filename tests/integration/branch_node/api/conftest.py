from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from shared.rights.vocabulary import StaffKind
from tests.support.branch_app import app, clock, make_user, sign_in
from tests.support.interfaces import Program, token_for

__all__ = ["app", "clock", "make_user", "program", "sign_in"]


@pytest.fixture
def program(app: Flask, make_user: Callable[..., str]) -> Program:
    """A program of the branch manager's that may do whatever programs can."""
    make_user("boss", StaffKind.BRANCH_MANAGER)
    return Program(app, token_for(app, "boss"))
