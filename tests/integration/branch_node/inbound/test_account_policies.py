"""What head office fixes for accounts holds at the branch, with the line down too."""

from datetime import timedelta

import pytest

from shared.domain.published import policies
from shared.domain.published.vocabulary import ItemKind
from shared.rights.vocabulary import StaffKind
from tests.support.branch_app import PASSWORD
from tests.support.page_client import PageClient


class Unhelped(PageClient):
    """Somebody who answers for the second step themselves."""

    second_step = False


@pytest.fixture
def fix(publish):
    def take(name, value):
        publish(ItemKind.POLICY, name, {"value": value})

    return take


def test_kinds_that_need_a_second_step_are_asked_for_it_from_their_next_request_on(app, make_user, fix):
    app.test_client_class = Unhelped
    make_user("wang", StaffKind.ACCOUNT_MANAGER)
    make_user("li", StaffKind.SERVICE)
    browsers = []
    for username in ("wang", "li"):
        browsers.append(app.test_client())
        assert browsers[-1].sign_in(username, PASSWORD).status_code == 303
    before = [one.get("/account/profile").status_code for one in browsers]

    fix(policies.SECOND_STEP_KINDS, ["account_manager"])

    assert (before, [one.get("/account/profile").status_code for one in browsers]) == ([200, 200], [303, 200])


def test_passwords_are_as_long_as_head_office_wants_them(browser, fix):
    fix(policies.PASSWORD_SHORTEST, 16)
    form = {"present": PASSWORD, "password": "fifteen letters", "repeated": "fifteen letters"}

    answer = browser.send("/account/password", **form)

    assert (answer.status_code, "at least 16 characters" in answer.text) == (400, True)


def test_guessing_is_slowed_as_head_office_wants_it(app, make_user, fix, clock):
    make_user("wang")
    fix(policies.SIGN_IN_TRIES, 3)
    fix(policies.SIGN_IN_WAIT, 1)
    browser = app.test_client()

    answers = [browser.sign_in("wang", "wrong").status_code for _ in range(5)]
    clock.advance(timedelta(seconds=61))

    assert answers == [401, 401, 401, 429, 429]
    assert browser.sign_in("wang", PASSWORD).status_code == 303
