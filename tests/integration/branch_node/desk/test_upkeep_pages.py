"""Flags stand next to their field with since when and why, and are confirmed there or in the list of what is to be."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer, FieldAge
from shared.audit.models import AuditEntry
from shared.rights.vocabulary import StaffKind

IN_PLACE = {"HX-Request": "true"}
LONG_AGO = datetime(2020, 1, 5, tzinfo=UTC)
ENTERED = {"created_at": LONG_AGO, "updated_at": LONG_AGO}


@pytest.fixture
def customer_id(rows):
    return rows.customer(name="李明", mobile="13800000001", id_no="11010519491231002X", **ENTERED)


def seen(page, field):
    found = re.search(rf'/confirm/{field}".*?name="seen" value="(\w+)"', page, re.DOTALL)
    assert found is not None
    return found[1]


def post(browser, url, data, headers=None):
    return browser.post(url, data={"csrf_token": browser.token(), **data}, headers=headers or {})


def confirmed(sessions, customer_id):
    with sessions() as session:
        wanted = select(FieldAge.field).where(
            FieldAge.customer_id == customer_id, FieldAge.confirmed_at.is_not(None)
        )
        return set(session.scalars(wanted))


def test_a_stale_field_says_so_beside_it_and_is_confirmed_in_its_place(browser, sessions, customer_id):
    page = browser.get(f"/customers/{customer_id}/profile").text
    assert page.count("Not confirmed since") == 2

    given = {"seen": seen(page, "mobile")}
    answer = post(browser, f"/customers/{customer_id}/confirm/mobile", given, IN_PLACE)

    assert answer.status_code == 200
    assert '<div id="fact-mobile">' in answer.text
    assert "Not confirmed since" not in answer.text
    assert confirmed(sessions, customer_id) == {"mobile"}
    with sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.confirmed")).one()
    assert (entry.actor, entry.subject_id, entry.details) == ("wang", customer_id, {"field": "mobile"})


def test_without_javascript_the_profile_or_the_list_is_gone_on_with(browser, sessions, customer_id):
    listed = browser.get("/to-confirm?kind=stale").text
    assert "李明" in listed

    given = {"seen": seen(listed, "id_no"), "back": "kind=stale&next=//elsewhere.example"}
    answer = post(browser, f"/customers/{customer_id}/confirm/id_no", given)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/to-confirm?kind=stale")

    page = browser.get(f"/customers/{customer_id}/profile").text
    answer = post(browser, f"/customers/{customer_id}/confirm/mobile", {"seen": seen(page, "mobile")})
    assert answer.headers["Location"].endswith(f"/customers/{customer_id}/profile")
    assert confirmed(sessions, customer_id) == {"mobile", "id_no"}
    assert "Nothing is to be confirmed" in browser.get("/to-confirm").text


def test_what_was_changed_since_it_was_shown_is_not_confirmed(browser, sessions, customer_id):
    given = {"seen": seen(browser.get(f"/customers/{customer_id}/profile").text, "mobile")}
    with sessions.begin() as session:
        session.execute(update(Customer).values(mobile="13800000009"))

    answer = post(browser, f"/customers/{customer_id}/confirm/mobile", given)

    assert "nothing was confirmed" in browser.get(answer.headers["Location"]).text
    assert confirmed(sessions, customer_id) == set()


def test_a_contradiction_names_the_other_customer_and_links_to_them(browser, rows):
    one, other = rows.customer(mobile="13800000001"), rows.customer(name="王芳", mobile="13800000001")

    page = browser.get(f"/customers/{one}/profile").text

    assert "Another customer has the same number" in page
    assert f"/customers/{other}/profile" in page
    assert "王芳" in page


def test_an_account_manager_hears_of_contradictions_with_customers_they_see_alone(
    make_user, sign_in, rows, sessions
):
    mine, theirs = rows.manager(), rows.manager()
    held = rows.customer(name="赵一", mobile="13800000001", manager_id=mine)
    rows.customer(name="钱二", mobile="13800000001", manager_id=theirs)
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    browser = sign_in("li")

    page = browser.get(f"/customers/{held}/profile").text

    assert "same number" not in page
    assert "钱二" not in page
    assert "Nothing is to be confirmed" in browser.get("/to-confirm").text


def test_who_may_not_see_a_customer_confirms_nothing_of_them(make_user, sign_in, rows, sessions, customer_id):
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    browser = sign_in("li")

    assert post(browser, f"/customers/{customer_id}/confirm/mobile", {"seen": "x"}).status_code == 404
    assert confirmed(sessions, customer_id) == set()


@pytest.mark.parametrize("field", ["name", "no_such", "wechat"])
def test_a_field_that_cannot_be_confirmed_is_not_found(browser, customer_id, field):
    page = post(browser, f"/customers/{customer_id}/confirm/{field}", {"seen": "x"})
    assert page.status_code in {303, 404}


def test_the_list_of_customers_is_narrowed_to_them_counts_them_and_shows_what_is_flagged(
    browser, rows, customer_id
):
    rows.customer(name="孙三", mobile="13800000007")

    page = browser.get("/customers?upkeep=stale&columns=upkeep").text

    assert "李明" in page
    assert "孙三" not in page
    assert "Stale (Mobile)" in page
    assert "李明" not in browser.get("/customers?upkeep=conflict").text


@pytest.mark.parametrize("shown", ["", "&columns=upkeep"])
def test_the_column_goes_into_the_file_when_it_is_shown(browser, customer_id, shown):
    answer = browser.take(f"/customers/export.csv?upkeep=any{shown}")

    assert ("Stale (Mobile)" in answer.data.decode("utf-8-sig")) is bool(shown)
