"""The second step: set up, proven, used once, recovered, reset - and never got around."""

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.auth.models import RecoveryCode, SecondStep, UserSession
from shared.auth.rules import AccountRules
from shared.auth.sealing import Seal
from shared.rights.vocabulary import StaffKind
from tests.integration.shared.web.conftest import Browser

STEP = "/account/second-step"


class Unhelped(Browser):
    """Somebody who answers for the second step themselves."""

    second_step = False


@pytest.fixture
def unhelped(app):
    app.test_client_class = Unhelped
    return app


@pytest.fixture
def zhang(unhelped, make_user):
    """An administrator who has proven the password."""
    make_user("zhang", StaffKind.ADMINISTRATOR)
    browser = unhelped.test_client()
    assert browser.sign_in("zhang").location == "/"
    return browser


def post(browser, path, **form):
    token = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(STEP).text)[0]
    return browser.post(path, data={"csrf_token": token, **form})


def set_up(browser, clock):
    """Set up the second step as a page leads through it; returns the secret and the recovery codes."""
    post(browser, f"{STEP}/setup")
    found = re.search(r'secret-key">([A-Z2-7 ]+)<', browser.get(STEP).text)
    assert found is not None
    secret = found[1].replace(" ", "")
    page = post(browser, f"{STEP}/setup/confirmation", code=pyotp.TOTP(secret).at(clock.now()))
    assert page.status_code == 200
    return secret, re.findall(r"<code>([0-9A-Z-]{19})</code>", page.text)


def again(app, clock, *, later=timedelta(minutes=2)):
    clock.advance(later)
    browser = app.test_client()
    browser.sign_in("zhang")
    return browser


def test_an_administrator_is_nobody_until_the_second_step_is_set_up(zhang, clock):
    for path in ("/", "/administrators", "/account/profile", "/account/sessions"):
        assert zhang.get(path).location.startswith("/account/sign-in")
    assert zhang.get("/account/sign-in").location.startswith(STEP)

    _secret, codes = set_up(zhang, clock)

    assert zhang.get("/administrators").status_code == 200
    assert len(set(codes)) == 10


def test_signing_in_takes_the_password_and_then_a_code_that_shows_now(zhang, unhelped, clock):
    secret, _codes = set_up(zhang, clock)
    browser = again(unhelped, clock)
    assert browser.get("/administrators").status_code == 303

    answer = post(browser, STEP, code=pyotp.TOTP(secret).at(clock.now()), next="/forms")

    assert (answer.status_code, answer.location) == (303, "/forms")
    assert browser.get("/administrators").status_code == 200


def test_a_code_works_once(zhang, unhelped, clock):
    secret, _codes = set_up(zhang, clock)
    code = pyotp.TOTP(secret).at(clock.now() + timedelta(minutes=2))
    first, second = again(unhelped, clock), unhelped.test_client()
    second.sign_in("zhang")

    answers = [post(browser, STEP, code=code).status_code for browser in (first, second)]

    assert answers == [303, 400]


@pytest.mark.parametrize(("steps", "status"), [(-2, 400), (-1, 303), (0, 303), (1, 303), (2, 400)])
def test_a_telephone_may_be_one_step_behind_or_ahead(zhang, unhelped, clock, steps, status):
    secret, _codes = set_up(zhang, clock)
    browser = again(unhelped, clock)
    shown = pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=30 * steps))
    assert post(browser, STEP, code=shown).status_code == status


def test_the_code_that_confirmed_the_setting_up_is_used_up(zhang, unhelped, clock):
    secret, _codes = set_up(zhang, clock)
    browser = again(unhelped, clock, later=timedelta())
    assert post(browser, STEP, code=pyotp.TOTP(secret).at(clock.now())).status_code == 400


def test_proving_gives_the_session_another_token(zhang, unhelped, clock):
    secret, _codes = set_up(zhang, clock)
    browser = again(unhelped, clock)
    name = unhelped.config["SESSION_COOKIE_NAME"]
    thief = unhelped.test_client()
    thief.set_cookie(name, browser.get_cookie(name).value)

    post(browser, STEP, code=pyotp.TOTP(secret).at(clock.now()))

    assert browser.get("/administrators").status_code == 200
    assert (thief.get("/administrators").status_code, thief.get(STEP).status_code) == (303, 303)


def test_guessing_codes_is_slowed_and_the_password_does_not_start_the_count_afresh(zhang, unhelped, clock):
    set_up(zhang, clock)
    statuses = []
    for _ in range(9):
        browser = again(unhelped, clock, later=timedelta())
        statuses.append(post(browser, STEP, code="000000").status_code)
    assert statuses == [400] * 5 + [429] * 4


def test_a_recovery_code_stands_in_once_for_the_authenticator(zhang, unhelped, clock, database):
    _secret, codes = set_up(zhang, clock)
    first = post(again(unhelped, clock), STEP, code=codes[3].lower().replace("-", " "))
    second = post(again(unhelped, clock), STEP, code=codes[3])

    assert (first.status_code, second.status_code) == (303, 400)
    with database.reads() as session:
        kept = session.scalars(select(RecoveryCode)).all()
    assert not {row.digest for row in kept} & set(codes)
    assert len([row for row in kept if row.used_at is None]) == 9


def test_the_secret_is_sealed_and_opens_for_its_person_alone(zhang, unhelped, clock, database):
    secret, _codes = set_up(zhang, clock)
    home = unhelped.extensions["branchline"].settings.home
    with database.reads() as session:
        step = session.scalars(select(SecondStep)).one()

    assert secret.encode() not in step.sealed
    assert (home.keys / "second-step.key").stat().st_mode & 0o777 == 0o600
    seal = Seal(home.read_key("second-step.key"))
    assert seal.open(step.sealed, about=step.user_id) == secret
    with pytest.raises(Exception, match="second step of this account"):
        seal.open(step.sealed, about="somebody else")


def test_the_secret_is_shown_only_until_it_is_confirmed(zhang, clock):
    post(zhang, f"{STEP}/setup")
    picture = zhang.get(f"{STEP}/picture.svg")
    assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")
    assert b"style=" not in picture.data

    secret, _codes = set_up(zhang, clock)

    assert zhang.get(f"{STEP}/picture.svg").status_code == 409
    assert secret[:4] not in zhang.get(STEP).text


def test_nobody_resets_their_own_second_step_and_another_administrator_does(
    app, zhang, unhelped, clock, make_user, database
):
    set_up(zhang, clock)
    with database.reads() as session:
        zhangs = session.scalars(select(SecondStep.user_id)).one()
    token = re.findall(r'name="csrf_token" value="([^"]+)"', zhang.get("/account/profile").text)[0]
    own = zhang.post(f"{STEP}/of/{zhangs}/reset", data={"csrf_token": token})
    assert own.status_code == 403

    make_user("sun", StaffKind.ADMINISTRATOR)
    app.test_client_class = Browser
    sun = app.test_client()
    sun.sign_in("sun")
    assert sun.send(f"{STEP}/of/{zhangs}/reset").status_code == 303

    assert zhang.get("/administrators").status_code == 303
    with database.reads() as session:
        assert session.get(SecondStep, zhangs) is None
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_id == zhangs)).all()
    assert "user.second-step-reset" in events


def test_who_has_only_the_password_cannot_take_the_second_step_away(zhang, unhelped, clock):
    set_up(zhang, clock)
    browser = again(unhelped, clock)

    for path in ("removal", "recovery-codes", "setup"):
        assert post(browser, f"{STEP}/{path}").status_code in {303, 409}

    assert browser.get("/administrators").status_code == 303
    assert zhang.get("/administrators").status_code == 200


def test_half_a_sign_in_is_worth_nothing_after_half_an_hour(zhang, clock):
    clock.advance(timedelta(minutes=31))
    assert zhang.get(STEP).location.startswith("/account/sign-in")


def test_head_office_asks_further_kinds_for_the_second_step_from_their_next_request_on(
    make_app, make_user, clock
):
    asked: set[StaffKind] = set()
    app = make_app({"account_rules": lambda _session: AccountRules(second_step_kinds=frozenset(asked))})
    app.test_client_class = Unhelped
    make_user("wang", StaffKind.BRANCH_MANAGER)
    browser = app.test_client()
    browser.sign_in("wang")
    before = browser.get("/forms").status_code

    asked.add(StaffKind.BRANCH_MANAGER)

    assert (before, browser.get("/forms").status_code) == (200, 303)
    set_up(browser, clock)
    assert browser.get("/forms").status_code == 200


def test_what_takes_data_out_asks_for_the_second_step_again_after_a_while(
    unhelped, make_user, clock, database
):
    make_user("wang", StaffKind.BRANCH_MANAGER)
    browser = unhelped.test_client()
    browser.sign_in("wang")
    first = browser.get("/taken-out")
    assert first.location == f"{STEP}?next=%2Ftaken-out"
    set_up(browser, clock)
    enrolled = browser.get("/taken-out").status_code

    clock.advance(timedelta(minutes=16))

    assert (enrolled, browser.get("/forms").status_code) == (200, 200)
    assert browser.get("/taken-out").location == f"{STEP}?next=%2Ftaken-out"
    with database.reads() as session:
        assert session.scalars(select(UserSession.proven_at)).one() is not None


def test_taking_the_second_step_away_asks_for_it_when_it_was_proven_a_while_ago(zhang, clock, database):
    set_up(zhang, clock)
    clock.advance(timedelta(minutes=16))

    for path in ("removal", "recovery-codes"):
        assert post(zhang, f"{STEP}/{path}").location.startswith(STEP)

    with database.reads() as session:
        assert session.scalars(select(SecondStep)).one().enrolled


def test_who_signed_in_a_while_ago_shows_the_password_before_an_authenticator_is_given(
    unhelped, make_user, clock, database
):
    make_user("wang")
    browser = unhelped.test_client()
    browser.sign_in("wang")
    clock.advance(timedelta(minutes=16))
    asked = browser.get(STEP).text

    refused = [post(browser, f"{STEP}/setup"), post(browser, f"{STEP}/setup", present="a guess of somebody")]

    with database.reads() as session:
        assert session.scalars(select(SecondStep)).all() == []
        told = session.scalars(select(AuditEntry.event).where(AuditEntry.event == "sign-in.refused")).all()
    assert 'name="present"' in asked
    assert [answer.status_code for answer in refused] == [400, 400]
    assert len(told) == 2
    assert post(browser, f"{STEP}/setup", present="correct horse battery").status_code == 303
    assert "secret-key" in browser.get(STEP).text


def test_a_secret_that_nobody_confirms_is_shown_to_nobody_after_half_an_hour(unhelped, make_user, clock):
    make_user("wang")
    browser = unhelped.test_client()
    browser.sign_in("wang")
    post(browser, f"{STEP}/setup")
    found = re.search(r'secret-key">([A-Z2-7 ]+)<', browser.get(STEP).text)
    assert found is not None
    clock.advance(timedelta(minutes=31))

    code = pyotp.TOTP(found[1].replace(" ", "")).at(clock.now())
    refused = post(browser, f"{STEP}/setup/confirmation", code=code)

    assert refused.status_code == 409
    assert "secret-key" not in browser.get(STEP).text
    assert browser.get(f"{STEP}/picture.svg").status_code == 409
