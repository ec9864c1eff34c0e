"""Programs read what branches have sent as people at head office do: masked, and with the branch beside each row."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from shared.domain.customers.vocabulary import CustomerKind
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.integration.hq_server.test_limited_people import add
from tests.integration.hq_server.test_offer_answers import CODE, said
from tests.integration.hq_server.test_offers import FORM
from tests.integration.hq_server.test_upkeep_pages import company
from tests.support.hq_rows import add_branch
from tests.support.interfaces import Program, token_for


def filled(database):
    with database.sessions.begin() as session:
        near, far = (
            add_branch(session, "B001", NOON, name="Near"),
            add_branch(session, "B002", NOON, name="Far"),
        )
        ids = []
        for branch, count in ((near, 20), (far, 15)):
            manager = branch.manager("M1", "Wu")
            ids = [
                branch.customer(
                    manager_id=manager,
                    customer_no=f"C-{number:02}",
                    name=f"Li {number}",
                    mobile="13977130662",
                )
                for number in range(count)
            ]
            branch.deliver()
        return ids[0]


def test_a_program_reads_all_branches_page_by_page_with_contact_data_masked(app, database):
    far = filled(database)
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))
    seen: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        answer = program.get(f"/api/v1/customers?size=25&after={after}").json
        seen += [(one["branch"], one["customer_no"]) for one in answer["items"]]
        after = answer["next"]

    assert seen == sorted(seen)
    assert len(set(seen)) == 35
    one = program.get(f"/api/v1/customers/B002/{far}").json
    assert (one["name"], one["branch"]) == ("Li 0", "B002")
    assert "7713" not in one["mobile"]
    assert program.get(f"/api/v1/customers/B001/{far}").status_code == 404
    assert len(program.get("/api/v1/customers?branch=B002").json["items"]) == 15


def test_standings_say_of_each_branch_as_of_when_they_count(app, database, clock):
    filled(database)
    clock.advance(timedelta(hours=1))
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))

    rows = program.get("/api/v1/qualifications/standings?branch=B002").json["items"]

    assert [(row["branch"], row["counts"]) for row in rows] == [("B002", {"none": 15})]
    assert "as_of" in rows[0]
    assert program.get("/api/v1/groups/G-1").json == {"items": [], "next": None}


@pytest.fixture
def counted(database):
    """Two branches that serve one group, a merged file at the first, and one that has not joined."""
    with database.sessions.begin() as session:
        near, far = add_branch(session, "B001", NOON), add_branch(session, "B002", NOON + timedelta(hours=1))
        for branch in (near, far):
            branch.customer("G", kind=CustomerKind.GROUP, group_no="G-1")
        near.merged(near.customer("C-1"), near.customer("C-2"))
        for branch in (near, far):
            branch.deliver()
        add_branch(session, "B003", NOON, joined=False)
        return near.number


def test_customers_are_counted_by_branch_each_as_of_when_and_who_is_not_covered_is_named(
    app, database, counted
):
    sign_in(app, database)

    figures = Program(app, token_for(app, "zhang")).get("/api/v1/figures/customers").json

    assert [figures[name] for name in ("files", "customers", "shared")] == [4, 2, 1]
    rows = {one["branch"]: (one["files"], one["customers"]) for one in figures["branches"]}
    assert rows == {"B001": (3, 2), "B002": (1, 1), "B003": (0, 0)}
    as_of = {one["branch"]: one["as_of"] for one in figures["branches"]}
    hours = {code: datetime.fromisoformat(at) for code, at in as_of.items() if at}
    assert hours == {"B001": NOON, "B002": NOON + timedelta(hours=1)}
    assert datetime.fromisoformat(figures["as_of"]) == NOON
    assert figures["missing"] == [{"branch": "B003", "why": "never-joined"}]


def test_counts_of_customers_are_for_who_sees_customers_and_of_their_branches_alone(app, database, counted):
    with database.sessions.begin() as session:
        add(session, "near", StaffKind.ANALYST, [counted])
        add(session, "keeper", StaffKind.ADMINISTRATOR, None)
        add(session, "all", StaffKind.ANALYST, None)
    near, keeper = (Program(app, token_for(app, name)) for name in ("near", "keeper"))
    narrow = Program(app, token_for(app, "all", [(Resource.QUALIFICATION, Action.READ)]))

    figures = near.get("/api/v1/figures/customers").json

    assert [figures[name] for name in ("files", "customers", "shared")] == [3, 2, 0]
    assert ([one["branch"] for one in figures["branches"]], figures["missing"]) == (["B001"], [])
    for address in ("/api/v1/figures/customers", "/api/v1/figures/upkeep"):
        assert [program.get(address).status_code for program in (keeper, narrow)] == [403, 403]


def test_what_branches_count_of_their_files_is_told_with_as_of_and_who_has_told_nothing(app, database):
    with database.sessions.begin() as session:
        company(session)
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))

    figures = program.get("/api/v1/figures/upkeep").json
    some = program.get("/api/v1/figures/upkeep?branch=B1&branch=B3").json

    names = ("customers", "flagged", "stale", "conflicting", "complete")
    assert [figures[name] for name in names] == [400, 80, 70, 10, 60]
    assert datetime.fromisoformat(figures["as_of"]) == NOON
    assert figures["missing"] == [{"branch": "B3", "why": "never-counted"}]
    first, second = figures["branches"]
    assert [[one[name] for name in names] for one in (first, second)] == [
        [100, 45, 40, 5, 90],
        [300, 35, 30, 5, 50],
    ]
    assert (first["branch"], first["fields"], first["conflicts"]) == (
        "B1",
        {"mobile": 40},
        {"same-number": 5},
    )
    assert datetime.fromisoformat(second["as_of"]) == NOON
    assert ([one["branch"] for one in some["branches"]], some["customers"]) == (["B1"], 100)
    assert [one["branch"] for one in some["missing"]] == ["B3"]


def test_who_is_limited_to_branches_is_told_what_those_count(app, database):
    with database.sessions.begin() as session:
        company(session)
        first = session.scalars(select(Branch.number).where(Branch.code == "B1")).one()
        add(session, "near", StaffKind.ANALYST, [first])

    figures = Program(app, token_for(app, "near")).get("/api/v1/figures/upkeep").json

    assert (figures["customers"], figures["missing"]) == (100, [])
    assert [one["branch"] for one in figures["branches"]] == ["B1"]


def test_nobody_has_told_anything_is_an_answer_too(app, database):
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))

    figures = program.get("/api/v1/figures/upkeep").json

    assert (figures["customers"], figures["complete"], figures["as_of"]) == (0, None, None)
    assert (figures["branches"], figures["missing"]) == ([], [])


@pytest.fixture
def answered(app, database):
    """An offer for one branch only that customers of two have answered, another for all, and a branch to come."""
    with database.sessions.begin() as session:
        near, far = add_branch(session, "B001", NOON), add_branch(session, "B002", NOON + timedelta(hours=1))
        one, two, old = (near.customer(f"C-{number}") for number in range(3))
        near.merged(old, two)
        other = far.customer("C-1")
        for branch in (near, far):
            branch.deliver()
        wrong = said(near, two, "made", 3, reason="没空")
        session.add_all(
            [
                said(near, one, "accepted", 2),
                said(near, old, "accepted", 1),
                wrong,
                said(near, two, "declined", 4, reason="价格高", corrects_id=wrong.id),
                said(far, other, "made"),
            ]
        )
        add_branch(session, "B003", NOON, joined=False)
        add(session, "near", StaffKind.ANALYST, [near.number])
        add(session, "keeper", StaffKind.ADMINISTRATOR, None)
        told = near.number, two, other
    client = sign_in(app, database)
    assert client.send("/published", **{**FORM, "to": "some", "branches": ["B001"]}).status_code == 303
    assert client.send("/published", **{**FORM, "name": "ROAM", "title": "漫游"}).status_code == 303
    return told


def test_offers_are_counted_by_branch_each_as_of_when_and_who_is_not_covered_is_named(app, answered):
    program = Program(app, token_for(app, "zhang"))

    figures = program.get("/api/v1/figures/offers").json
    [some] = program.get(f"/api/v1/figures/offers?offer={CODE}&branch=B002").json["offers"]

    offers = {one["offer"]: one for one in figures["offers"]}
    names = ("offered", "made", "accepted", "declined")
    assert [offers[CODE][name] for name in names] == [3, 1, 1, 1]
    assert [offers["ROAM"][name] for name in names] == [0, 0, 0, 0]
    assert (offers[CODE]["title"], offers[CODE]["state"]) == (FORM["title"], "published")
    rows = {one["branch"]: one for one in offers[CODE]["branches"]}
    assert {code: [row[name] for name in names] for code, row in rows.items()} == {
        "B001": [2, 0, 1, 1],
        "B002": [1, 1, 0, 0],
        "B003": [0, 0, 0, 0],
    }
    assert [row["addressed"] for row in rows.values()] == [True, False, False]
    assert all(row["addressed"] for row in offers["ROAM"]["branches"])
    as_of = {code: row["as_of"] and datetime.fromisoformat(row["as_of"]) for code, row in rows.items()}
    assert as_of == {"B001": NOON, "B002": NOON + timedelta(hours=1), "B003": None}
    assert datetime.fromisoformat(figures["as_of"]) == NOON
    assert figures["missing"] == [{"branch": "B003", "why": "never-joined"}]
    assert ([one["branch"] for one in some["branches"]], some["offered"]) == (["B002"], 1)
    assert program.get("/api/v1/figures/offers?offer=NONE").json["code"] == "offer-not-found"


def test_the_answers_of_a_customer_are_read_with_what_they_took_the_place_of(app, answered):
    _number, customer, _other = answered
    program = Program(app, token_for(app, "zhang"))

    items = program.get(f"/api/v1/customers/B001/{customer}/offer-answers").json["items"]

    assert [(one["step"], one["counts"], one["reason"]) for one in items] == [
        ("declined", True, "价格高"),
        ("made", False, "没空"),
        ("accepted", True, None),
    ]
    assert items[0]["corrects_id"] == items[1]["id"]
    assert (items[0]["offer"], items[0]["happened_on"], items[0]["created_by"]) == (CODE, "2026-11-04", "ana")
    assert items[2]["customer_id"] != customer  # of the file that was merged into this one
    assert program.get(f"/api/v1/customers/B002/{customer}/offer-answers").status_code == 404


def test_what_customers_said_to_offers_is_for_who_sees_them_and_of_their_branches_alone(app, answered):
    _number, customer, other = answered
    near, keeper = Program(app, token_for(app, "near")), Program(app, token_for(app, "keeper"))
    narrow = Program(app, token_for(app, "zhang", [(Resource.QUALIFICATION, Action.READ)]))

    figures = near.get("/api/v1/figures/offers").json

    assert [one["offered"] for one in figures["offers"] if one["offer"] == CODE] == [2]
    assert {one["branch"] for offer in figures["offers"] for one in offer["branches"]} == {"B001"}
    assert figures["missing"] == []
    assert near.get(f"/api/v1/customers/B002/{other}/offer-answers").status_code == 404
    for address in ("figures/offers", f"customers/B001/{customer}/offer-answers"):
        refused = [program.get(f"/api/v1/{address}").status_code for program in (keeper, narrow)]
        assert refused == [403, 403]
