"""The security page says whose account, session or key needs a look."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.auth import operations, queries
from shared.auth.models import SignInThrottle
from shared.rights.vocabulary import Duty, StaffKind
from tests.integration.shared.web.conftest import SETUP

THROTTLE = "/security/throttles/"


def rows(page):
    """Return the text of each account's row by its user name."""
    import re

    table = page.text.split('aria-label="帐号"')[-1]
    named = ((re.search(r">\s*([a-z]+)\s*</a>", row), row) for row in table.split("<tr>")[1:])
    return {found[1]: row for found, row in named if found and "/people/" in row}


def test_accounts_say_what_is_doubtful_about_them(administrator, make_user, database, clock):
    for name in ("never", "unused", "gone"):
        make_user(name)
    with database.sessions.begin() as session:
        operations.disable_user(session, queries.get_user_named(session, "gone"), by=SETUP)
        unused = queries.get_user_named(session, "unused")
        unused.last_sign_in_at = clock.now() - timedelta(days=91)

    shown = rows(administrator.get("/security"))

    assert "从未登录" in shown["never"]
    assert "90 天未使用" in shown["unused"]
    assert "已停用" in shown["gone"]
    assert ("两步登录" in shown["zhang"], "仅用密码" in shown["never"]) == (True, True)
    assert set(rows(administrator.get("/security?look=unused"))) == {"unused"}
    assert set(rows(administrator.get("/security?look=one-step"))) == {"never", "unused"}
    assert list(rows(administrator.get("/security?sort=-username"))) == ["zhang", "unused", "never", "gone"]


def test_a_slowed_sign_in_is_named_and_can_be_forgotten(app, administrator, make_user, database):
    make_user("wang")
    guesser = app.test_client()
    for _ in range(7):
        guesser.sign_in("wang", "wrong")
    for _ in range(7):
        guesser.sign_in("my-password-typed-as-name", "wrong")
    page = administrator.get("/security").text
    assert page.count("允许重试") == 2
    assert "my-password-typed-as-name" not in page
    with database.reads() as session:
        about = SignInThrottle.user_id.is_not(None), SignInThrottle.counts == "pair"
        key = session.scalars(select(SignInThrottle.key).where(*about, SignInThrottle.failures > 4)).one()

    assert administrator.send(f"{THROTTLE}{key}/forget").status_code == 303

    assert app.test_client().sign_in("wang").status_code == 303
    with database.reads() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "sign-in.wait-forgotten")).one()
    assert (entry.actor, entry.details["failures"]) == ("zhang", 5)


def test_open_sessions_are_listed_and_those_of_a_person_ended(app, administrator, signed_in, clock):
    page = administrator.get("/security/sessions").text
    assert (page.count("结束 wang 的全部会话"), page.count("当前会话</span>")) == (1, 1)

    clock.advance(timedelta(hours=1, minutes=50))
    administrator.get("/forms")
    clock.advance(timedelta(minutes=20))

    assert "wang" not in administrator.get("/security/sessions").text


def test_ages_of_keys_are_shown_with_advice(app, administrator, clock):
    home = app.extensions["branchline"].settings.home
    home.ensure_key("session.key")
    old = (clock.now() - timedelta(days=400)).timestamp()
    os.utime(home.keys / "session.key", (old, old))

    page = administrator.get("/security").text

    row = page.split("keys/session.key")[1].split("</tr>")[0]
    assert ("已久" in row, "init" in row) == (True, True)
    assert "已久" not in page.split("keys/second-step.key")[1].split("</tr>")[0]


def test_two_kinds_stand_side_by_side_where_they_differ(administrator):
    page = administrator.get("/security/kinds?one=leader&other=administrator").text
    same = administrator.get("/security/kinds?one=leader&other=leader").text

    assert "客户" in page
    assert "两者权限相同" in same


@pytest.mark.parametrize("path", ["/security", "/security/sessions", "/security/kinds"])
def test_only_administrators_and_log_auditors_see_the_security_pages(make_app, make_user, database, path):
    # Analysts, who may audit the log, are head office's.
    app = make_app({"product": "hq"})
    make_user("wang", StaffKind.LEADER)
    make_user("li", StaffKind.ANALYST)
    browsers = [app.test_client() for _ in range(2)]
    with database.sessions.begin() as session:
        queries.get_user_named(session, "li").duties = [Duty.LOG_AUDITOR.value]
    browsers[0].sign_in("wang")
    browsers[1].sign_in("li")

    assert [one.get(path).status_code for one in browsers] == [403, 200]
    assert browsers[1].send(f"{THROTTLE}{'0' * 64}/forget").status_code == 403


@pytest.mark.parametrize(("lacks", "shown"), [(True, True), (False, False)])
def test_the_page_warns_where_only_the_program_keeps_people_to_their_rows(
    administrator, monkeypatch, lacks, shown
):
    monkeypatch.setattr("shared.web.security.pages.lacks_second_wall", lambda connection: lacks)
    assert ("branchline_viewer" in administrator.get("/security").text) is shown
