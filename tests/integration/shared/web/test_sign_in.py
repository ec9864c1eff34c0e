"""Signing in and out, through the pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.auth import operations, queries
from shared.auth.models import SignInThrottle, User
from shared.rights.vocabulary import StaffKind
from tests.integration.shared.web.conftest import PASSWORD, SETUP


def events(database):
    with database.reads() as session:
        return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))


def test_who_has_the_password_comes_in_and_back_to_the_page_they_wanted(browser, make_user):
    make_user("wang")
    asked = browser.get("/forms?x=1")

    answer = browser.sign_in(next="/forms?x=1")

    assert asked.location == "/account/sign-in?next=%2Fforms%3Fx%3D1"
    assert (answer.status_code, answer.location) == (303, "/forms?x=1")
    assert browser.get("/forms").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "//[",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(browser, make_user, wanted):
    make_user("wang")
    assert browser.sign_in(next=wanted).location == "/"


@pytest.mark.parametrize(
    ("username", "password"), [("wang", "wrong horse battery"), ("nobody", PASSWORD), ("wang", ""), ("", "")]
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(browser, make_user, username, password):
    make_user("wang")

    answer = browser.sign_in(username, password)

    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert browser.get("/").status_code == 303


def test_a_disabled_user_gets_the_same_answer_as_a_wrong_password(browser, make_user, database):
    user_id = make_user("wang")
    with database.sessions.begin() as session:
        operations.disable_user(session, queries.get_user(session, user_id), by=SETUP)

    answer = browser.sign_in()

    assert (answer.status_code, "用户名或密码不正确" in answer.text) == (401, True)


def test_the_user_name_may_be_typed_in_capitals_and_full_width(browser, make_user):
    make_user("wang")
    assert browser.sign_in("ＷＡＮＧ ").status_code == 303


def test_sign_ins_and_refusals_are_in_the_operation_log_without_what_was_typed(browser, make_user, database):
    make_user("wang")
    browser.sign_in("wang", "wrong horse battery")
    browser.sign_in("my-password-typed-as-name", "x")
    browser.sign_in()

    with database.reads() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.event for entry in found][-3:] == ["sign-in.refused", "sign-in.refused", "sign-in.accepted"]
    assert {entry.terminal for entry in found[-3:]} == {"127.0.0.1"}
    # Who failed to prove who they are is nobody; who did stands in the log as the operator.
    assert [entry.actor for entry in found][-3:] == ["anonymous", "anonymous", "wang"]
    assert found[-1].actor_id == found[-1].subject_id
    assert not [entry for entry in found if "typed" in f"{entry.actor}{entry.subject_id}{entry.details}"]


# --- guessing ------------------------------------------------------------------------------------


def test_guessing_a_password_is_slowed_more_and_more_but_never_for_good(browser, make_user, clock):
    make_user("wang")
    answers = [browser.sign_in("wang", f"wrong {number}").status_code for number in range(7)]
    blocked = browser.sign_in()

    clock.advance(timedelta(minutes=16))
    later = browser.sign_in()

    assert answers == [401, 401, 401, 401, 401, 429, 429]
    assert (blocked.status_code, blocked.headers.get("Retry-After")) == (429, None)
    assert "秒后再试" in blocked.text
    assert later.status_code == 303


def test_the_wait_grows_with_each_further_try(browser, make_user, database, clock):
    make_user("wang")
    waits = []
    for number in range(9):
        browser.sign_in("wang", f"wrong {number}")
        with database.reads() as session:
            until = max(session.scalars(select(SignInThrottle.blocked_until)))
        waits.append((until - clock.now()).total_seconds())
        clock.advance(timedelta(seconds=waits[-1]))
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16]


def test_an_unknown_name_is_slowed_like_a_known_one(browser, make_user):
    make_user("wang")
    known = [browser.sign_in("wang", "wrong").status_code for _ in range(7)]
    unknown = [browser.sign_in("nobody", "wrong").status_code for _ in range(7)]
    assert known == unknown


def test_a_stranger_elsewhere_cannot_keep_a_person_out_for_long(app, browser, make_user, clock):
    make_user("wang")
    stranger = app.test_client()
    for number in range(40):
        stranger.post(
            "/account/sign-in",
            data={"csrf_token": stranger.token(), "username": "wang", "password": "wrong"},
            environ_base={"REMOTE_ADDR": f"10.0.0.{number}"},
        )

    clock.advance(timedelta(seconds=31))

    assert browser.sign_in().status_code == 303


def test_many_people_behind_one_address_do_not_slow_each_other_down(app, make_user):
    make_user("wang")
    for _ in range(45):
        assert app.test_client().sign_in().status_code == 303


def test_one_address_that_tries_many_accounts_is_slowed(app):
    statuses = [app.test_client().sign_in(f"user{number}", "wrong").status_code for number in range(43)]
    assert statuses == [401] * 40 + [429] * 3


def test_tries_are_forgotten_after_an_hour(browser, database, clock):
    browser.sign_in("wang", "wrong")
    clock.advance(timedelta(minutes=61))
    browser.sign_in("li", "wrong")
    with database.reads() as session:
        assert session.scalars(select(SignInThrottle.failures)).all() == [1, 1, 1]


def test_first_tries_at_the_same_moment_all_get_an_answer(app, make_user):
    make_user("wang")
    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(lambda _: app.test_client().sign_in("wang", "wrong").status_code, range(5)))
    assert statuses == [401] * 5


def test_coming_in_forgets_the_wrong_tries(browser, make_user):
    make_user("wang")
    for _ in range(3):
        assert [browser.sign_in("wang", "wrong").status_code for _ in range(4)] == [401] * 4
        assert browser.sign_in().status_code == 303
        browser.send("/account/sign-out")


# --- sessions ------------------------------------------------------------------------------------


def test_a_disabled_user_is_out_at_the_next_request(signed_in, database):
    with database.sessions.begin() as session:
        operations.disable_user(session, queries.get_user_named(session, "wang"), by=SETUP)
    assert signed_in.get("/").location.startswith("/account/sign-in")


def test_another_right_ends_the_sessions_at_the_next_request(signed_in, database):
    with database.sessions.begin() as session:
        user = queries.get_user_named(session, "wang")
        operations.change_kind(session, user, StaffKind.ADMINISTRATOR, by=SETUP)
    assert signed_in.get("/administrators").status_code == 303


def test_a_new_password_ends_every_other_session_and_keeps_this_one(app, signed_in):
    elsewhere = app.test_client()
    elsewhere.sign_in()

    answer = signed_in.send(
        "/account/password", present=PASSWORD, password="another horse", repeated="another horse"
    )

    assert answer.status_code == 303
    assert signed_in.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 303
    assert app.test_client().sign_in("wang", "another horse").status_code == 303
    assert app.test_client().sign_in("wang", PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("present", "password", "repeated", "sentence"),
    [
        ("wrong", "another horse", "another horse", "这不是您现在的密码"),
        (PASSWORD, "another horse", "another hors", "两次输入的密码不一致"),
        (PASSWORD, "short", "short", "密码至少 8 个字符"),
        (PASSWORD, "x" * 129, "x" * 129, "密码最多 128 个字符"),
        (PASSWORD, "Password123", "Password123", "太容易被猜到"),
        (PASSWORD, "aaaaaaaaaaaa", "aaaaaaaaaaaa", "太容易被猜到"),
    ],
)
def test_a_refused_password_change_changes_nothing(app, signed_in, present, password, repeated, sentence):
    answer = signed_in.send("/account/password", present=present, password=password, repeated=repeated)

    assert (answer.status_code, sentence in answer.text) == (400, True)
    assert app.test_client().sign_in().status_code == 303


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app, signed_in):
    name = app.config["SESSION_COOKIE_NAME"]
    copied = signed_in.get_cookie(name).value
    signed_in.send("/account/sign-out")

    thief = app.test_client()
    thief.set_cookie(name, copied)

    assert thief.get("/").location.startswith("/account/sign-in")


def test_signing_in_starts_a_new_session(app, browser, make_user):
    make_user("wang")
    browser.token()
    before = browser.get_cookie(app.config["SESSION_COOKIE_NAME"]).value
    with browser.session_transaction() as session:
        session["planted"] = "yes"

    browser.sign_in()

    with browser.session_transaction() as session:
        assert "planted" not in session
    assert browser.get_cookie(app.config["SESSION_COOKIE_NAME"]).value != before


@pytest.mark.parametrize(("away", "status"), [(timedelta(minutes=119), 200), (timedelta(minutes=121), 303)])
def test_a_session_dies_when_nobody_uses_it(signed_in, clock, away, status):
    clock.advance(away)
    assert signed_in.get("/").status_code == status


def test_a_session_dies_after_twelve_hours_of_use(signed_in, clock):
    statuses = []
    for _ in range(13):
        clock.advance(timedelta(minutes=60))
        statuses.append(signed_in.get("/").status_code)
    assert statuses == [200] * 12 + [303]


@pytest.mark.parametrize("value", ["nonsense", "a/b/c/d", "a/1/b/99999999999999", "a/1/b", "/"])
def test_a_token_that_we_never_made_is_nobody(app, browser, value):
    with browser.session_transaction() as session:
        session["_user_id"] = value
        session["seen"] = 1_800_000_000
    assert browser.get("/").status_code == 303


# --- the one-time code ---------------------------------------------------------------------------


@pytest.fixture
def invited(database):
    with database.sessions.begin() as session:
        _user, code = operations.create_user(
            session, username="li", name="李强", kind=StaffKind.BRANCH_MANAGER, by=SETUP
        )
    return code


def redeem(browser, code, password="my own horse", username="li"):
    return browser.send(
        "/account/first-sign-in", username=username, code=code, password=password, repeated=password
    )


def test_a_one_time_code_lets_a_person_set_a_password_and_come_in(app, browser, invited):
    answer = redeem(browser, invited.lower().replace("-", " "))

    assert answer.status_code == 303
    assert browser.get("/").status_code == 200
    assert app.test_client().sign_in("li", "my own horse").status_code == 303


def test_a_one_time_code_works_once(app, browser, invited):
    redeem(browser, invited)
    answer = redeem(app.test_client(), invited, "a thief's horse")

    assert (answer.status_code, "登录码不正确" in answer.text) == (401, True)
    assert app.test_client().sign_in("li", "a thief's horse").status_code == 401


def test_a_one_time_code_expires(browser, invited, clock):
    clock.advance(operations.CODE_LIFETIME)
    assert redeem(browser, invited).status_code == 401


def test_a_one_time_code_is_for_one_person(browser, invited, make_user):
    make_user("wang")
    assert redeem(browser, invited, username="wang").status_code == 401


def test_a_weak_password_does_not_use_the_code_up(browser, invited):
    assert redeem(browser, invited, "12345678").status_code == 400
    assert redeem(browser, invited).status_code == 303


def test_a_newer_code_replaces_the_older_one(browser, invited, database):
    with database.sessions.begin() as session:
        newer = operations.issue_code(session, queries.get_user_named(session, "li"), by=SETUP)
    assert redeem(browser, invited).status_code == 401
    assert redeem(browser, newer).status_code == 303


def test_nothing_that_opens_the_door_is_stored_in_plain_text(browser, invited, database):
    redeem(browser, invited)
    with database.reads() as session:
        user = session.scalars(select(User)).one()
        log = str([entry.details for entry in session.scalars(select(AuditEntry))])
    assert user.password_hash.startswith("$argon2id$")
    assert user.code_hash is None
    assert "my own horse" not in log
    assert invited not in log
