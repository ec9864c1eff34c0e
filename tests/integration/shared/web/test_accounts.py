"""The users' pages, and the language people read."""

import re

import pytest

from shared.auth import queries
from shared.rights.vocabulary import StaffKind


def user_named(database, username):
    with database.reads() as session:
        return queries.get_user_named(session, username)


def test_an_administrator_adds_a_user_and_sees_the_code_this_once(app, administrator, database):
    page = administrator.send("/people", username="li.qiang", name=" 李  强 ", kind="branch_manager")
    (code,) = re.findall(r"<code>([0-9A-Z-]{29})</code>", page.text)

    newcomer = app.test_client()
    newcomer.send(
        "/account/first-sign-in",
        username="li.qiang",
        code=code,
        password="my own horse",
        repeated="my own horse",
    )

    assert newcomer.get("/").status_code == 200
    assert code not in administrator.get("/people").text
    user = user_named(database, "li.qiang")
    assert (user.name, user.kind, user.created_by) == ("李 强", StaffKind.BRANCH_MANAGER, "zhang")


@pytest.mark.parametrize(
    ("username", "name", "kind", "status"),
    [
        ("x", "李强", "branch_manager", 400),
        ("two words", "李强", "branch_manager", 400),
        (".dot", "李强", "branch_manager", 400),
        ("a" * 41, "李强", "branch_manager", 400),
        ("li", " ", "branch_manager", 400),
        ("li", "李" * 81, "branch_manager", 400),
        ("li", "李强", "root", 400),
        ("ZHANG", "李强", "branch_manager", 409),
    ],
)
def test_a_user_who_cannot_be_is_refused_with_what_was_typed_kept(
    administrator, username, name, kind, status, database
):
    page = administrator.send("/people", username=username, name=name, kind=kind)

    assert page.status_code == status
    assert "is-invalid" in page.text
    assert f'value="{username}"' in page.text
    with database.reads() as session:
        assert [user.username for user in queries.list_users(session)] == ["zhang"]


def test_an_administrator_keeps_somebody_out_and_lets_them_in_again(app, administrator, make_user):
    user_id = make_user("wang")
    administrator.send(f"/people/{user_id}/disabled")
    assert app.test_client().sign_in().status_code == 401

    administrator.send(f"/people/{user_id}/enabled")
    assert app.test_client().sign_in().status_code == 303


def test_the_last_administrator_stays(administrator, database):
    user_id = user_named(database, "zhang").id

    answers = [
        administrator.send(f"/people/{user_id}/disabled"),
        administrator.send(f"/people/{user_id}/kind", kind="branch_manager"),
    ]

    assert [answer.status_code for answer in answers] == [409, 403]
    assert "最后一位" in answers[0].text
    assert user_named(database, "zhang").kind is StaffKind.ADMINISTRATOR


def test_staff_may_not_look_after_users(signed_in, database):
    user_id = user_named(database, "wang").id
    statuses = {
        signed_in.get("/people/new").status_code,
        signed_in.send("/people", username="li", name="李强", kind="administrator").status_code,
        signed_in.send(f"/people/{user_id}/kind", kind="administrator").status_code,
        signed_in.send(f"/people/{user_id}/code").status_code,
    }
    assert statuses == {403}
    assert user_named(database, "wang").kind is StaffKind.BRANCH_MANAGER


def test_a_user_who_is_not_there_is_a_404(administrator):
    assert administrator.send("/people/0190a0a0-0000-7000-8000-000000000000/code").status_code == 404
    assert administrator.send("/people/not-an-id/code").status_code == 404


def test_pages_are_chinese_until_the_reader_chooses_english(browser):
    before = browser.get("/account/sign-in").text
    browser.send("/account/language", language="en", next="/account/sign-in")
    after = browser.get("/account/sign-in").text

    assert ("<h1" in before, "登录" in before, 'lang="zh-CN"' in before) == (True, True, True)
    assert ("Sign in" in after, "登录" in after, '<html lang="en"' in after) == (True, False, True)


def test_the_language_is_remembered_with_the_person(app, signed_in):
    signed_in.send("/account/language", language="en")
    elsewhere = app.test_client()
    elsewhere.sign_in()
    assert "My profile" in elsewhere.get("/account/profile").text


def test_a_language_we_do_not_speak_changes_nothing(signed_in, database):
    signed_in.send("/account/language", language="../../etc")
    assert "我的资料" in signed_in.get("/account/profile").text
    assert user_named(database, "wang").language is None
