"""Requests that write nothing are told all the same: refusals, views of a person's record, exports and prints."""

import pytest
from flask import Blueprint
from flask.testing import FlaskClient
from sqlalchemy import select, text

from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.rights.vocabulary import Action, DataRange, Resource, StaffKind
from shared.web.access import requires
from shared.web.noting import MOST_A_SPAN, SPAN, Refusals
from tests.integration.shared.web.gallery import NOON


def customer_pages() -> Blueprint:
    pages = Blueprint("filed", __name__)
    for rule, name, action in (
        ("/filed/<customer_id>", "one", Action.READ),
        ("/filed", "many", Action.READ),
        ("/filed/export.csv", "taken", Action.EXPORT),
    ):
        pages.add_url_rule(rule, name, requires(Resource.CUSTOMER, action)(lambda customer_id="": "shown"))
    return pages


@pytest.fixture
def pages(make_app, make_user, database):
    """A signed-in branch manager on pages about customers."""
    app = make_app({"blueprints": [customer_pages()], "home": "filed.many", "menu": [], "search": None})
    wang = make_user("wang", StaffKind.BRANCH_MANAGER)
    with database.sessions.begin() as session:
        session.get_one(User, wang).data_range = DataRange.BRANCH
    client = app.test_client()
    assert client.sign_in().status_code == 303
    return client


def told(database, event):
    with database.reads() as session:
        return session.scalars(
            select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.seq)
        ).all()


def test_opening_a_customer_is_noted_and_opening_the_list_is_not(pages, database):
    assert pages.get("/filed").status_code == 200
    assert pages.get("/filed/c1").status_code == 200
    (entry,) = told(database, "customer.viewed")
    assert (entry.action, entry.subject_type, entry.subject_id) == ("view", "customer", "c1")
    assert (entry.actor, entry.actor_id is not None) == ("wang", True)


def test_what_is_taken_out_is_noted_without_what_was_searched_for(pages, database):
    assert pages.get("/filed/export.csv?grade=A&q=13800000001").status_code == 200
    (entry,) = told(database, "customer.exported")
    assert (entry.action, entry.details["conditions"]) == ("export", {"grade": "A", "q": "…"})


def test_a_page_is_shown_also_when_it_cannot_be_noted(pages, database):
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entries RENAME TO elsewhere"))
    assert pages.get("/filed/c1").status_code == 200


def test_a_refused_request_is_noted_with_who_and_what(signed_in, database):
    assert signed_in.get("/administrators").status_code == 403
    (entry,) = told(database, "request.refused")
    assert (entry.actor, entry.action, entry.outcome) == ("wang", "refuse", "refused")
    assert entry.details == {"code": "forbidden", "method": "GET", "path": "/administrators"}


def test_a_foreign_host_and_a_forged_form_are_noted(signed_in, database):
    signed_in.get("/", headers={"Host": "evil.example"})
    FlaskClient.post(signed_in, "/account/sign-out", data={"csrf_token": "forged"})
    assert [entry.details["code"] for entry in told(database, "request.refused")] == ["host-refused", "csrf"]


def test_who_is_led_to_the_sign_in_was_not_refused_anything(app, database):
    assert app.test_client().get("/").status_code == 303
    assert told(database, "request.refused") == []


def test_a_flood_of_equal_refusals_is_one_entry_and_then_a_count(signed_in, clock, database):
    for _time in range(20):
        signed_in.get("/administrators")
    assert len(told(database, "request.refused")) == 1
    clock.advance(SPAN)
    signed_in.get("/administrators")
    counts = [entry.details.get("repeated") for entry in told(database, "request.refused")]
    assert counts == [None, 19, None]


def test_a_flood_of_different_refusals_writes_few_entries_a_minute():
    refusals = Refusals()
    written = sum(
        refusals.count(("x", str(number), "forbidden", "GET", "/"), NOON)[0] for number in range(5000)
    )
    assert written == MOST_A_SPAN + 1
