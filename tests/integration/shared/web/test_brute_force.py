"""A script that guesses for hours gets next to nothing, and the person comes in all the same."""

from datetime import timedelta

from sqlalchemy import func, select

from shared.auth import operations, passwords
from shared.auth.errors import TooManyAttemptsError
from shared.auth.models import SignInThrottle, User
from shared.stamp import Stamp, Via
from tests.integration.shared.web.conftest import PASSWORD

SIX_HOURS = timedelta(hours=6)


def guess_for_six_hours(database, clock):
    """Try one password after the other as soon as the node lets one; returns how many were looked at."""
    looked_at, until = 0, clock.now() + SIX_HOURS
    while clock.now() < until:
        by = Stamp(clock.now(), "anonymous", Via.WEB, "10.0.0.9")
        try:
            with database.sessions.begin() as session:
                operations.begin_sign_in(session, "wang", by=by)
            looked_at += 1
        except TooManyAttemptsError as error:
            clock.advance(timedelta(seconds=int(str(error.params["retry_after"]))))
    return looked_at


def test_one_address_gets_four_tries_an_hour_at_one_account(app, database, clock, make_user):
    make_user("wang")

    assert guess_for_six_hours(database, clock) < 40

    assert app.test_client().sign_in("wang", PASSWORD).status_code == 303


def test_the_counters_of_a_flood_of_names_are_forgotten_again(database, clock):
    for number in range(40):
        by = Stamp(clock.now(), "anonymous", Via.WEB, f"10.0.{number}.1")
        with database.sessions.begin() as session:
            operations.begin_sign_in(session, f"name{number}", by=by)
    clock.advance(timedelta(hours=2))

    for _ in range(4):
        with database.sessions.begin() as session:
            operations.begin_sign_in(session, "wang", by=Stamp(clock.now(), "anonymous", Via.WEB, "10.9.9.9"))

    with database.reads() as session:
        assert session.scalars(select(func.count()).select_from(SignInThrottle)).one() == 3


def test_a_new_node_has_no_account_anybody_can_sign_in_to(app, database):
    with database.reads() as session:
        assert session.scalars(select(func.count()).select_from(User)).one() == 0
    for username in ("admin", "root", "administrator"):
        for password in ("admin", "password", "", "branchline"):
            assert app.test_client().sign_in(username, password).status_code in {401, 429}


def test_a_password_is_not_even_looked_at_while_an_address_waits(app, make_user, monkeypatch):
    make_user("wang")
    browser, looked_at = app.test_client(), []
    matches = passwords.password_matches

    def counted(known, given):
        looked_at.append(given)
        return matches(known, given)

    monkeypatch.setattr(passwords, "password_matches", counted)
    answers = [browser.sign_in("wang", f"guess number {number}").status_code for number in range(30)]

    # Looking at one costs the processor and the memory of a slow hash: who floods the node pays, not the node.
    assert answers[-1] == 429
    assert len(looked_at) == answers.count(401) < 15
