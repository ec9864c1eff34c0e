"""Programs keep views of the list of customers as people do, and list customers by them."""

import pytest
from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import CustomerStatus, Grade
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.views.models import ListStart, ListView
from tests.support.interfaces import Program, token_for

VIEWS = "/api/v1/customer-views"
BEST = {
    "name": "our best",
    "filters": {"grade": ["A", "B"], "status": ["active"], "tag": "老客户 & 友"},
    "sort": "-name",
    "group": "grade",
    "columns": ["email", "region"],
}


def kept(sessions):
    with sessions() as session:
        return session.scalars(select(ListView).order_by(ListView.made_at, ListView.id)).all()


def numbers(program, asked):
    answer = program.get(f"/api/v1/customers?{asked}")
    assert answer.status_code == 200, answer.text
    return [one["customer_no"] for one in answer.json["items"]]


@pytest.fixture
def seller(app, rows, make_user):
    """A program of an account manager."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager(name="李强"))
    return Program(app, token_for(app, "li"))


def test_a_view_is_kept_read_changed_removed_and_brought_back(program, sessions):
    made = program.post(VIEWS, BEST, idempotency_key="k")
    again = program.post(VIEWS, BEST, idempotency_key="k")
    assert made.status_code == 201, made.text
    address = f"{VIEWS}/{made.json['id']}"
    read = program.get(address).json
    changed = program.ask("PUT", address, {"name": "all of grade C", "filters": {"grade": ["C"]}})
    gone = program.ask("DELETE", address, {})
    missing = program.get(address)
    stored = [(one.name, one.query, one.removed_at is None) for one in kept(sessions)]
    back = program.post(f"{address}/return")

    assert (again.status_code, again.json) == (201, made.json)
    assert {name: read[name] for name in BEST} == BEST
    assert (read["own"], read["shared"], read["ready"], read["made_by"]) == (True, False, False, "boss")
    assert (changed.json["filters"], changed.json["sort"], changed.json["columns"]) == (
        {"grade": ["C"]},
        None,
        [],
    )
    assert (gone.status_code, missing.status_code, missing.json["code"]) == (200, 404, "list-view-not-found")
    assert stored == [("all of grade C", "grade=C", False)]
    assert (back.status_code, program.get(address).json["name"]) == (200, "all of grade C")
    with sessions() as session:
        told = [
            one.event
            for one in session.scalars(select(AuditEntry).order_by(AuditEntry.seq))
            if "list-view" in one.event
        ]
    assert told == [f"list-view.{act}" for act in ("added", "changed", "removed", "restored")]


def test_what_a_program_keeps_the_page_opens_and_what_the_page_keeps_a_program_reads(
    program, sign_in, sessions
):
    browser = sign_in("boss")
    program.post(VIEWS, BEST)
    browser.send(
        "/views/customers",
        name="from the page",
        query="status=closed&quiet=90&grade=Q&lost=1&columns=email&sort=name",
    )

    page = browser.get("/customers").text.replace("&amp;", "&")
    (view,) = [one for one in kept(sessions) if one.name == "our best"]
    listed = {one["name"]: one for one in program.get(VIEWS).json["items"]}
    assert f"/customers?view={view.id}&{view.query}" in page
    assert browser.get(f"/customers?view={view.id}&{view.query}").status_code == 200
    theirs = listed["from the page"]
    assert theirs["filters"] == {"status": ["closed"], "quiet": "90"}, "codes there are not are passed over"
    assert (theirs["columns"], theirs["sort"]) == (["email"], "name")


def test_the_list_of_views_has_the_ready_made_and_those_for_everybody_and_says_which_one_the_list_opens_with(
    program, seller, sign_in, sessions
):
    sign_in("li").send("/views/customers/start", view="incomplete", query="lacking=80")
    program.post(VIEWS, {**BEST, "shared": True})
    program.post(VIEWS, {**BEST, "name": "mine alone"})
    seller.post(VIEWS, {"name": "tried"})

    seen = {one["name"]: one for one in seller.get(VIEWS).json["items"]}

    assert list(seen)[-2:] == ["tried", "our best"]
    assert "mine alone" not in seen
    assert (seen["our best"]["own"], seen["our best"]["made_by"]) == (False, "boss")
    (start,) = [one["id"] for one in seen.values() if one["starts"]]
    assert start == "incomplete"
    assert (
        seen["Incomplete"] | {"id": start, "ready": True, "filters": {"lacking": "80"}} == seen["Incomplete"]
    )
    with sessions() as session:
        assert [one.view for one in session.scalars(select(ListStart))] == ["incomplete"]


def test_nobody_reads_or_changes_a_view_that_is_somebody_else_s_alone_and_only_its_owner_changes_one_for_all(
    program, seller, sessions
):
    alone = program.post(VIEWS, BEST).json["id"]
    public = program.post(VIEWS, {**BEST, "name": "for all", "shared": True}).json["id"]

    def asked(view_id):
        return [
            seller.get(f"{VIEWS}/{view_id}").status_code,
            seller.get(f"/api/v1/customers?view={view_id}").status_code,
            seller.ask("PUT", f"{VIEWS}/{view_id}", {"name": "taken"}).status_code,
            seller.ask("DELETE", f"{VIEWS}/{view_id}", {}).status_code,
            seller.post(f"{VIEWS}/{view_id}/return").status_code,
        ]

    assert asked(alone) == [404] * 5
    assert asked(public) == [200, 200, 404, 404, 404]
    assert [(one.name, one.removed_at) for one in kept(sessions)] == [("our best", None), ("for all", None)]


def test_a_view_for_everybody_is_kept_by_who_may_and_refused_to_others_not_kept_for_one_alone(
    app, program, seller, sessions
):
    narrow = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))

    refused = [one.post(VIEWS, {**BEST, "shared": True}) for one in (seller, narrow)]
    own = narrow.post(VIEWS, BEST)
    widened = narrow.ask("PUT", f"{VIEWS}/{own.json['id']}", {**BEST, "shared": True})

    assert [(one.status_code, one.json["code"]) for one in (*refused, widened)] == [(403, "forbidden")] * 3
    assert [one.shared for one in kept(sessions)] == [False]
    assert program.post(VIEWS, {**BEST, "name": "all", "shared": True}).json["shared"] is True


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": None}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 61}, ["name"]),
        ({"colour": "red"}, ["colour"]),
        ({"filters": {"grade": ["A", "Q"]}}, ["filters", "grade", "1"]),
        ({"filters": {"grade": "A"}}, ["filters", "grade"]),
        ({"filters": {"q": "李雷"}}, ["filters", "q"]),
        ({"filters": {"shoe": "43"}}, ["filters", "shoe"]),
        ({"filters": {"manager": "somebody"}}, ["filters", "manager"]),
        ({"filters": {"opened_from": "2026-02-30"}}, ["filters", "opened_from"]),
        ({"filters": {"tag": ""}}, ["filters", "tag"]),
        ({"filters": {"tag": "x" * 101}}, ["filters", "tag"]),
        ({"filters": {"birthday": "13"}}, ["filters", "birthday"]),
        ({"filters": {"quiet": "91"}}, ["filters", "quiet"]),
        ({"sort": "shoe"}, ["sort"]),
        ({"group": "shoe"}, ["group"]),
        ({"columns": ["name", "shoe"]}, ["columns", "1"]),
        ({"shared": "perhaps"}, ["shared"]),
    ],
)
def test_what_is_wrong_is_refused_at_its_name_and_nothing_is_kept(program, sessions, wrong, field):
    answer = program.post(VIEWS, {**BEST, **wrong})

    assert answer.status_code == 400, answer.text
    named, at = [], answer.json["fields"]
    while isinstance(at, dict):
        ((name, at),) = at.items()
        named.append(name)
    assert named == field
    assert at
    assert kept(sessions) == []


def test_two_views_of_one_name_are_refused_at_the_name(program, sessions):
    program.post(VIEWS, BEST)
    second = program.post(VIEWS, {**BEST, "name": " our best "})

    assert (second.status_code, second.json["code"], set(second.json["fields"])) == (
        400,
        "list-view-name",
        {"name"},
    )
    assert len(kept(sessions)) == 1


def test_customers_are_listed_by_a_view_and_a_filter_given_beside_replaces_the_view_s_own(program, rows):
    for number, (grade, status) in enumerate(
        [
            (Grade.A, CustomerStatus.ACTIVE),
            (Grade.B, CustomerStatus.ACTIVE),
            (Grade.A, CustomerStatus.CLOSED),
            (Grade.C, CustomerStatus.ACTIVE),
        ]
    ):
        rows.customer(customer_no=f"C-{number}", name=f"n{number}", grade=grade, status=status)
    view = program.post(
        VIEWS, {"name": "best", "filters": {"grade": ["A", "B"], "status": ["active"]}, "sort": "-name"}
    ).json["id"]

    assert numbers(program, f"view={view}") == ["C-1", "C-0"]
    assert numbers(program, f"view={view}&sort=name") == ["C-0", "C-1"]
    assert numbers(program, f"view={view}&status=closed") == ["C-2"]
    assert numbers(program, f"view={view}&q=n1") == ["C-1"]
    assert numbers(program, "view=mine") == []
    assert numbers(program, "view=") == ["C-0", "C-1", "C-2", "C-3"]


def test_a_view_of_many_is_read_a_page_at_a_time_in_its_own_order(program, rows):
    for number in range(60):
        rows.customer(
            customer_no=f"C-{number:02}", name=f"n{number:02}", grade=Grade.A if number % 2 else Grade.B
        )
    view = program.post(VIEWS, {"name": "a", "filters": {"grade": ["A"]}, "sort": "-name"}).json["id"]

    found = list[str]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"/api/v1/customers?view={view}&after={after}").json
        found += [one["customer_no"] for one in page["items"]]
        after = page["next"]

    assert found == [f"C-{number:02}" for number in range(59, 0, -2)]


def test_by_a_view_of_somebody_else_one_lists_the_customers_one_sees_oneself(program, seller, rows, sessions):
    rows.customer(customer_no="C-1", grade=Grade.A)
    view = program.post(VIEWS, {"name": "a", "filters": {"grade": ["A"]}, "shared": True}).json["id"]

    assert (numbers(program, f"view={view}"), numbers(seller, f"view={view}")) == (["C-1"], [])


@pytest.mark.parametrize("view", ["nowhere", "all", "0199-1", "00000000-0000-0000-0000-000000000000"])
def test_a_view_that_is_none_is_not_found_and_does_not_list_everybody(program, rows, view):
    rows.customer(customer_no="C-1")

    answer = program.get(f"/api/v1/customers?view={view}")

    assert (answer.status_code, answer.json["code"]) == (404, "list-view-not-found")
