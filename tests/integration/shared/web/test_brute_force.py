"""A script that guesses for hours gets next to nothing, and the person comes in all the same."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pyotp
import pytest
from sqlalchemy import func, select

from shared.alarms.models import Alarm
from shared.audit.models import AuditEntry
from shared.auth import operations, passwords, queries, signin
from shared.auth.errors import TooManyAttemptsError
from shared.auth.models import SignInThrottle, User
from shared.auth.throttle import throttle_keys
from shared.jobs.job import Progress
from shared.jobs.jobs import watch_sign_ins
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via
from tests.integration.shared.web.conftest import PASSWORD, Browser
from tests.support.page_client import SECRET

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


# --- codes: of the first sign-in, of the authenticator, of recovery -----------------------------------

FIRST, STEP = "/account/first-sign-in", "/account/second-step"


class Guesser(Browser):
    """Somebody who is not helped over the second step."""

    second_step = False


def guess_codes(clock, database, post):
    """Post one code after the other for six hours, as soon as the node looks at one; returns how many it looked at."""
    looked_at, until = 0, clock.now() + SIX_HOURS
    while clock.now() < until:
        if post(looked_at).status_code != 429:
            looked_at += 1
            continue
        with database.reads() as session:
            waits = session.scalars(select(func.max(SignInThrottle.blocked_until))).one()
        clock.advance(max(waits - clock.now(), timedelta(seconds=1)))
    return looked_at


def refusals(database, event):
    with database.reads() as session:
        counted = select(func.count()).select_from(AuditEntry).where(AuditEntry.event == event)
        return session.scalars(counted).one()


def issue(database, clock, username):
    with database.sessions.begin() as session:
        by = Stamp(clock.now(), "setup", Via.COMMAND)
        user = queries.find_user(session, username)
        assert user is not None
        return operations.issue_code(session, user, by=by)


def test_one_time_codes_are_guessed_as_slowly_as_passwords_each_in_the_log_and_the_person_comes_in(
    app, database, clock, make_user
):
    make_user("wang")
    issue(database, clock, "wang")
    script = app.test_client()
    token: dict[str, str] = {}

    def post(number):
        if not token:
            token["csrf"] = re.findall(r'name="csrf_token" value="([^"]+)"', script.get(FIRST).text)[0]
        form = {"username": "wang", "code": f"ABCD-{number:04}", "password": "x" * 14, "repeated": "x" * 14}
        return script.post(FIRST, data={"csrf_token": token["csrf"], **form})

    looked_at = guess_codes(clock, database, post)

    assert looked_at < 40
    assert refusals(database, "sign-in.refused") == looked_at
    # Nobody is locked out for good: neither by password nor by a fresh code.
    clock.advance(timedelta(hours=1))
    assert app.test_client().sign_in("wang", PASSWORD).status_code == 303
    fresh, person = issue(database, clock, "wang"), app.test_client()
    csrf = re.findall(r'name="csrf_token" value="([^"]+)"', person.get(FIRST).text)[0]
    form = {"username": "wang", "code": fresh, "password": "another horse 27", "repeated": "another horse 27"}
    assert person.post(FIRST, data={"csrf_token": csrf, **form}).status_code == 303


@pytest.mark.parametrize("form", ["{:06}", "{:04}-0000-0000-0000"], ids=["authenticator", "recovery"])
def test_whoever_has_the_password_gets_few_tries_at_the_second_step_each_in_the_log(
    app, database, clock, make_user, form
):
    make_user("zhang", StaffKind.ADMINISTRATOR)
    assert app.test_client().sign_in("zhang", PASSWORD).status_code == 303  # has set it up
    app.test_client_class = Guesser
    script = app.test_client()
    script.sign_in("zhang", PASSWORD)

    def post(number):
        page = script.get(STEP)
        if page.status_code != 200:  # the half sign-in has run out: the password is shown again
            script.sign_in("zhang", PASSWORD)
            page = script.get(STEP)
        csrf = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[0]
        return script.post(STEP, data={"csrf_token": csrf, "code": form.format(number)})

    looked_at = guess_codes(clock, database, post)

    # At a million codes of which three are good at a time, so many a day find one in about forty years.
    assert 5 < looked_at < 40
    assert refusals(database, "second-step.refused") == looked_at
    clock.advance(timedelta(hours=1))
    person = app.test_client()
    person.sign_in("zhang", PASSWORD)
    csrf = re.findall(r'name="csrf_token" value="([^"]+)"', person.get(STEP).text)[0]
    code = pyotp.TOTP(SECRET).at(clock.now())
    assert person.post(STEP, data={"csrf_token": csrf, "code": code}).status_code == 303


def test_guessing_is_an_alarm_until_it_is_over_and_mistakes_are_none(app, database, clock, make_user):
    make_user("wang")
    runtime = cast("NodeRuntime", SimpleNamespace(database=database))

    def wrong(count):
        for _try in range(count):
            clock.advance(timedelta(minutes=15))
            with database.sessions.begin() as session:
                signin.count_try(
                    session, throttle_keys("wang", "10.0.0.9"), Stamp(clock.now(), "-", Via.WEB), user_id=None
                )
        watch_sign_ins(runtime, Stamp(clock.now(), "job", Via.JOB), Progress())
        with database.reads() as session:
            return session.scalars(select(Alarm.details).where(Alarm.closed_at.is_(None))).all()

    assert wrong(19) == []
    assert [told["tries"] for told in wrong(1)] == [20]
    clock.advance(timedelta(minutes=61))
    assert wrong(0) == []
