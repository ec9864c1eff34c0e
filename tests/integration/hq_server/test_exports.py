"""What head office exports: masked whatever is asked for, and within the bounds it publishes."""

import re
from contextlib import suppress

import pytest
from sqlalchemy import select
from werkzeug.routing import RequestRedirect

from hq_server.feed import operations
from hq_server.feed.operations import Draft
from shared.domain.published.policies import EXPORT_A_DAY, EXPORT_ALONE
from shared.domain.published.vocabulary import ItemKind
from shared.exports.models import Export
from shared.exports.numbers import new_number, read_number
from shared.exports.vocabulary import ExportState
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from shared.web.exports import handing
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

SHEET = "/customers/export.xlsx"
BY = Stamp(NOON, "chen", Via.WEB)


@pytest.fixture
def two(database):
    """Two customers of one branch."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        for number in ("K-1", "K-2"):
            branch.customer(number, mobile="13812340001")
        branch.deliver()


def publish(database, name, value):
    with database.sessions.begin() as session:
        item = operations.make_item(session, ItemKind.POLICY, name, Draft({"value": value}), by=BY)
        operations.publish(session, item.id, by=BY)


def test_contact_data_of_branches_stays_masked_also_where_it_is_asked_for_in_full(client, database, two):
    assert "Contact data in full" not in client.get(SHEET).text
    answer = client.take(SHEET, whole="yes")

    assert b"13812340001" not in answer.data
    with database.sessions() as session:
        assert [one.whole for one in session.scalars(select(Export))] == [False]


def test_the_form_says_which_branches_it_covers_and_as_of_when(client, two):
    page = client.get(f"{SHEET}?branch=B001").text
    for words in ("Branches covered", "杭州分公司", "As of", "B001"):
        assert words in page


def test_the_bounds_are_policies_of_head_office(client, app, database, two):
    publish(database, EXPORT_ALONE, 1)
    assert "nobody else may approve" in client.get(SHEET).text
    sign_in(app, database, StaffKind.ANALYST, "second")
    assert client.take(SHEET).status_code == 303
    publish(database, EXPORT_A_DAY, 1)
    assert client.send(SHEET, reason="for the auditors").status_code == 429
    with database.sessions() as session:
        assert [one.state for one in session.scalars(select(Export))] == [ExportState.WAITING]


@pytest.mark.parametrize("kind", [StaffKind.LEADER, StaffKind.ADMINISTRATOR])
def test_leaders_and_administrators_export_no_customers_and_approve_no_export(kind, app, database, two):
    page = sign_in(app, database, kind, "mei")
    assert page.get(SHEET).status_code == 403


def test_a_number_is_read_as_people_type_it():
    number = new_number()
    assert read_number(f" {number.lower().replace('-', '')} ") == number
    assert read_number("O1IL-0000") == "0111-0000"
    assert [read_number(text) for text in ("", "U000-0000", "0000-000", "0000-00000")] == [None] * 4


def test_the_form_of_every_export_leads_back_to_its_list(app):
    adapter = app.url_map.bind("localhost")
    forms = [
        re.sub(r"<any\(([a-z]+)[^>]*>", r"\1", rule.rule)
        for rule in app.url_map.iter_rules()
        if {"GET", "POST"} <= (rule.methods or set()) and re.search(r"xlsx|csv", rule.rule)
    ]

    assert len(forms) > 2
    for form in forms:
        back = handing.OF_A_FILE.sub("", form)
        assert back != form
        with suppress(RequestRedirect):  # to the same address with a slash
            adapter.match(back, method="GET")
