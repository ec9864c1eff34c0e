"""Sessions are rows of the node: begun afresh, ended at once, and cheap to look up."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from shared.auth import operations, queries, sessions
from shared.auth.models import UserSession
from shared.auth.rules import LONGEST_EVER
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from tests.integration.shared.web.conftest import PASSWORD, SETUP


def cookie(browser):
    return browser.get_cookie(browser.application.config["SESSION_COOKIE_NAME"]).value


def with_cookie(app, value):
    thief = app.test_client()
    thief.set_cookie(app.config["SESSION_COOKIE_NAME"], value)
    return thief


def is_in(browser):
    return browser.get("/forms").status_code == 200


def rows(database):
    with database.reads() as session:
        return session.scalars(select(UserSession).order_by(UserSession.id)).all()


def test_a_session_that_was_planted_before_the_sign_in_opens_nothing_after_it(app, browser, make_user):
    make_user()
    browser.get("/account/sign-in")
    planted = cookie(browser)

    browser.sign_in()

    assert is_in(browser)
    assert not is_in(with_cookie(app, planted))


def test_the_database_holds_no_token_that_a_reader_of_it_could_use(app, signed_in, database):
    with signed_in.session_transaction() as kept:
        token = kept["_user_id"]
    (row,) = rows(database)

    assert token not in f"{row.id} {row.digest}"
    for guess in (row.id, row.digest, row.user_id):
        other = app.test_client()
        with other.session_transaction() as planted:
            planted["_user_id"] = guess
        assert not is_in(other)


def test_signing_out_ends_every_copy_of_the_cookie(app, signed_in, database):
    copied = with_cookie(app, cookie(signed_in))
    assert is_in(copied)

    signed_in.send("/account/sign-out")

    assert not is_in(copied)
    assert rows(database) == []


@pytest.mark.parametrize("change", ["disabled", "another kind", "another password"])
def test_what_changes_who_somebody_is_ends_all_their_sessions_at_the_next_request(
    app, signed_in, database, change
):
    elsewhere = app.test_client()
    elsewhere.sign_in()
    with database.sessions.begin() as session:
        user = queries.get_user_named(session, "wang")
        if change == "disabled":
            operations.disable_user(session, user, by=SETUP)
        elif change == "another kind":
            operations.change_kind(session, user, StaffKind.LEADER, by=SETUP)
        else:
            operations.set_password(session, user, "another horse 7", by=SETUP)

    assert (is_in(signed_in), is_in(elsewhere), rows(database)) == (False, False, [])


def test_people_see_where_they_are_signed_in_and_end_one_or_all_others(app, signed_in, database):
    others = [app.test_client() for _ in range(3)]
    for other in others:
        other.sign_in()
    page = signed_in.get("/account/sessions").text
    assert page.count("127.0.0.1") == 4
    assert page.count("当前会话") == 1
    third = rows(database)[1]

    signed_in.send(f"/account/sessions/{third.id}/end")
    assert [is_in(one) for one in (signed_in, *others)] == [True, False, True, True]
    signed_in.send("/account/sessions/end-others")

    assert [is_in(one) for one in (signed_in, *others)] == [True, False, False, False]


def test_nobody_ends_the_session_of_somebody_else_as_if_it_were_their_own(
    app, signed_in, database, make_user
):
    make_user("li")
    other = app.test_client()
    other.sign_in("li")
    theirs = rows(database)[-1]

    answer = signed_in.send(f"/account/sessions/{theirs.id}/end")

    assert (answer.status_code, is_in(other)) == (404, True)


def test_an_administrator_ends_all_sessions_of_a_person(administrator, signed_in, database):
    user_id = next(row.user_id for row in rows(database) if row.proven_at is None)

    assert administrator.send(f"/account/sessions/of/{user_id}/end").status_code == 303

    assert not is_in(signed_in)
    assert administrator.get("/account/profile").status_code == 200


def test_staff_cannot_end_the_sessions_of_others(signed_in, make_user):
    assert signed_in.send(f"/account/sessions/of/{make_user('li')}/end").status_code == 403


def test_the_last_use_is_written_every_few_minutes_and_not_at_every_request(signed_in, database, clock):
    began = clock.now()
    clock.advance(timedelta(minutes=4))
    signed_in.get("/forms")
    assert rows(database)[0].seen_at == began

    clock.advance(timedelta(minutes=2))
    signed_in.get("/forms")

    assert rows(database)[0].seen_at == clock.now()


def test_who_is_signed_in_is_found_by_one_statement(signed_in, database):
    said = []
    listen = lambda _conn, _cursor, statement, *_rest: said.append(statement)  # noqa: E731
    event.listen(database.engine, "before_cursor_execute", listen)
    signed_in.get("/progress")
    event.remove(database.engine, "before_cursor_execute", listen)

    assert len([one for one in said if "FROM users" in one or "sessions" in one]) == 1


def test_dead_sessions_are_forgotten_and_living_ones_stay(signed_in, database, clock):
    by = Stamp(clock.now() - LONGEST_EVER - timedelta(minutes=1), "wang", Via.WEB, "10.0.0.9")
    with database.sessions.begin() as session:
        sessions.begin_session(session, queries.get_user_named(session, "wang"), by=by)

    with database.sessions.begin() as session:
        assert sessions.purge_sessions(session, now=clock.now()) == 1

    assert [row.terminal for row in rows(database)] == ["127.0.0.1"]
    assert is_in(signed_in)


def test_a_session_outlives_no_day_whatever_is_set(make_app, make_user, clock):
    from shared.auth.rules import AccountRules

    week = AccountRules(session_longest=timedelta(days=7), session_idle=timedelta(days=7))
    browser = make_app({"account_rules": lambda _session: week}).test_client()
    make_user()
    browser.sign_in("wang", PASSWORD)
    clock.advance(timedelta(hours=23))
    before = is_in(browser)

    clock.advance(timedelta(hours=2))

    assert (before, is_in(browser)) == (True, False)
