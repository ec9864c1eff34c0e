"""Stale and contradictory fields by branch: what branches have counted, with as-of, order, file and detail."""

import io

from openpyxl import load_workbook

from hq_server.upkeep.models import UpkeepCount
from hq_server.upkeep.queries import Figures
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch


def company(session):
    """Three branches of which two have told a count."""
    for code, customers, stale, complete in (("B1", 100, 40, 90), ("B2", 300, 30, 50)):
        branch = add_branch(session, code, NOON)
        branch.customer("C1")
        branch.deliver()
        session.add(
            UpkeepCount(
                branch_number=branch.number,
                counted_at=NOON,
                told_at=NOON,
                customers=customers,
                flagged=stale + 5,
                stale=stale,
                conflicting=5,
                complete=complete,
                fields={"mobile": stale},
                conflicts={"same-number": 5},
            )
        )
    add_branch(session, "B3", NOON).deliver()


def test_the_page_sums_who_has_told_a_count_and_names_who_has_not(client, database):
    with database.sessions.begin() as session:
        company(session)

    page = client.get("/upkeep").get_data(as_text=True)

    assert "B3 分公司 (has not told a count yet)" in page
    assert ">400<" in page
    assert ">80<" in page
    assert ">60%<" in page, "the mean of customers and not of branches"
    assert ">20.0%<" in page


def test_columns_order_the_branches(client, database):
    with database.sessions.begin() as session:
        company(session)

    up, down = (client.get(f"/upkeep?sort={sort}").get_data(as_text=True) for sort in ("share", "-share"))

    assert up.index(">B2 分公司<") < up.index(">B1 分公司<")
    assert down.index(">B1 分公司<") < down.index(">B2 分公司<")


def test_a_branch_shows_which_fields_and_which_contradictions(client, database):
    with database.sessions.begin() as session:
        company(session)

    page = client.get("/upkeep/B1").get_data(as_text=True)

    assert ">Mobile<" in page
    assert "Another customer has the same number" in page
    assert "has told no count" in client.get("/upkeep/B3").get_data(as_text=True)
    assert client.get("/upkeep/B9").status_code == 404


def test_the_file_has_a_row_a_branch_and_says_what_it_covers(client, database):
    with database.sessions.begin() as session:
        company(session)

    book = load_workbook(io.BytesIO(client.get("/upkeep/export.xlsx?branch=B1").data))

    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert rows[1][:7] == ("B1", "B1 分公司", 100, 45, 40, 5, 90)
    assert len(rows) == 2
    assert dict(zip(rows[0], rows[1], strict=True))["Stale: Mobile"] == 40
    said = {row[0]: row[1] for row in book.worksheets[1].iter_rows(values_only=True)}
    assert said["Branches covered"] == "1 of 1"


def test_an_administrator_who_sees_no_customers_sees_no_counts_of_them(app, database):
    assert sign_in(app, database, StaffKind.ADMINISTRATOR, "li").get("/upkeep").status_code == 403


def test_figures_of_no_customers_have_no_share():
    assert (Figures().share, Figures().complete) == (None, None)
