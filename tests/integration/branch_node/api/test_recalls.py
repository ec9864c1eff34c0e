"""Programs read how far recalls have come and which units are to be called in, and say when one is carried out."""

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer
from branch_node.units.models import UnitEvent
from shared.auth.models import AccessToken
from shared.domain.published.vocabulary import ItemKind
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.branch_node.inbound.conftest import publish
from tests.support.interfaces import Program, token_for

__all__ = ["publish"]
CALLED = "/api/v1/recalls/called-in"
RECALL = {
    "title": "Brake hose",
    "why": "It may leak.",
    "remedy": "Replace the hose.",
    "model": "L5",
    "from": "2026-01-01",
    "serials": ["LSV1*", "LSV2*", "LSV30"],
}


@pytest.fixture
def recalled(program, rows, publish, make_user):
    """The ids of the units LSV1 to LSV3, of customers of Mei, Li and Mei; the first two are recalled."""
    mei, li = rows.manager(name="梅"), rows.manager(name="李雷")
    make_user("mei", StaffKind.ACCOUNT_MANAGER, mei)
    rows.customer(
        name="张伟", customer_no="K-1", manager_id=mei, mobile="13900010001", preferred_channel="phone"
    )
    rows.customer(name="孙丽", customer_no="K-2", manager_id=li, mobile="13900010002")
    publish(ItemKind.RECALL, "R-7", RECALL)
    publish(ItemKind.RECALL, "R-8", {**RECALL, "until": "2026-01-31"})
    found = []
    for number, customer in (("1", "K-1"), ("2", "K-2"), ("3", "K-1")):
        unit = {"serial_no": f"LSV{number}", "status": "in_use", "model": "L5", "customer": customer}
        made = program.post("/api/v1/units", {**unit, "since": "2026-01-05"})
        assert made.status_code == 201, made.text
        found.append(made.json["id"])
    return found


def carried_out(program, unit):
    event = {"kind": "recall_done", "happened_on": "2026-03-01", "recall_no": "R-7"}
    return program.post(f"/api/v1/units/{unit}/events", event)


def test_recalls_that_hold_are_listed_with_how_far_they_came_and_a_unit_that_is_done_is_called_in_no_more(
    program, recalled, sessions
):
    (before,) = program.get("/api/v1/recalls").json["items"]
    called = program.get(f"{CALLED}?recall=R-7").json
    done = carried_out(program, recalled[0])

    (after,) = program.get("/api/v1/recalls").json["items"]
    assert before == {
        **{name: RECALL[name] for name in ("title", "why", "remedy", "model", "serials")},
        "number": "R-7",
        "begins": "2026-01-01",
        "ends": None,
        "product": "",
        "made_from": None,
        "made_until": None,
        "meant": 2,
        "done": 0,
        "open": 2,
    }
    assert ([one["unit_id"] for one in called["items"]], called["next"]) == (recalled[:2], None)
    assert done.status_code == 201, done.text
    assert (after["meant"], after["done"], after["open"]) == (2, 1, 1)
    assert [one["unit_id"] for one in program.get(f"{CALLED}?recall=R-7").json["items"]] == recalled[1:2]
    with sessions() as session:
        kept = session.scalars(select(UnitEvent.unit_id).where(UnitEvent.recall_no == "R-7")).all()
    assert kept == recalled[:1]


def test_it_is_said_how_an_owner_is_reached_and_by_which_ways_not(program, recalled, sessions):
    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.customer_no == "K-1").values(do_not_contact=["sms"]))

    first = program.get(f"{CALLED}?recall=R-7").json["items"][0]

    owner = first["owner"]
    assert (first["serial_no"], first["model"], first["owned"]) == ("LSV1", "L5", True)
    assert (owner["customer_no"], owner["name"], owner["mobile"]) == ("K-1", "张伟", "13900010001")
    assert (owner["preferred_channel"], owner["closed"]) == ("phone", ["sms"])


def test_whose_a_unit_is_stays_hidden_from_who_does_not_see_the_customer_and_from_a_token_without_customers(
    app, program, recalled
):
    seller = Program(app, token_for(app, "mei"))
    narrow = Program(app, token_for(app, "boss", [(Resource.UNIT, Action.READ)]))

    hers = seller.get(f"{CALLED}?recall=R-7").json["items"]
    bare = narrow.get(f"{CALLED}?recall=R-7")

    assert [(one["serial_no"], one["owner"]["customer_no"]) for one in hers] == [("LSV1", "K-1")]
    assert seller.get("/api/v1/recalls").json["items"][0]["meant"] == 1
    assert [(one["owned"], one["owner"]) for one in bare.json["items"]] == [(True, None)] * 2
    assert "张伟" not in bare.text


def test_units_called_in_are_read_a_page_at_a_time_and_counted_as_rows_that_leave_the_branch(
    program, recalled, publish, sessions
):
    numbers = [f"LSV1{number:03}" for number in range(30)]
    for number in numbers:
        unit = {"serial_no": number, "status": "in_use", "model": "L5"}
        assert program.post("/api/v1/units", unit).status_code == 201

    found = list[str]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"{CALLED}?recall=R-7&after={after}").json
        found += [one["serial_no"] for one in page["items"]]
        after = page["next"]

    assert sorted(found) == sorted([*numbers, "LSV1", "LSV2"])
    with sessions() as session:
        assert session.scalars(select(AccessToken.rows_taken)).one() == len(found)


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ("", 400, "validation", {"recall"}),
        ("?recall=", 400, "validation", {"recall"}),
        ("?recall=R-7&after=nonsense", 400, "validation", {"after"}),
        ("?number=R-7", 400, "unknown-parameter", {"number"}),
        ("?recall=R-8", 404, "unit-recall-not-found", set()),
        ("?recall=r-7%2F", 404, "unit-recall-not-found", set()),
    ],
)
def test_a_recall_that_is_not_named_or_holds_no_more_calls_nothing_in(
    program, recalled, asked, status, code, field
):
    answer = program.get(f"{CALLED}{asked}")

    assert (answer.status_code, answer.json["code"], set(answer.json.get("fields", ()))) == (
        status,
        code,
        field,
    )


def test_recalls_are_refused_to_a_token_that_does_not_name_units(app, program, recalled):
    other = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))

    assert [other.get(path).status_code for path in ("/api/v1/recalls", f"{CALLED}?recall=R-7")] == [403, 403]
