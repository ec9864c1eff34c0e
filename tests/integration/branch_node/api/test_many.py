"""Programs do to many customers what people can: tried first, told of each, taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.bulk.models import BulkRow, RowState
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from shared.domain.managers.vocabulary import ManagerStatus
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.support.branch import ANA, NOON
from tests.support.interfaces import Program, token_for


def test_a_bulk_act_is_tried_done_once_told_of_each_and_taken_back(program, rows):
    ids = [rows.customer(customer_no="C-1"), rows.customer(customer_no="C-2", tags=["VIP"])]
    wanted = {"ids": ids, "kind": "add_tag", "value": "VIP", "reason": "yearly clean-up"}

    tried = program.post("/api/v1/customers/bulk", {**wanted, "try": True}).json
    done = program.post("/api/v1/customers/bulk", wanted, idempotency_key="k").json
    again = program.post("/api/v1/customers/bulk", wanted, idempotency_key="k").json
    undone = program.post(f"/api/v1/bulk-acts/{done['id']}/undo").json

    assert (tried["id"], tried["done"], tried["left_out"]) == (None, 1, 1)
    assert (done["done"], done["left_out"]) == (1, 1)
    assert again == done
    assert {row["state"] for row in undone["rows"]} == {"undone", "left"}
    assert [row["why"] for row in done["rows"] if row["state"] == "left"] == [
        "It is so already. There is nothing to do."
    ]
    assert program.get(f"/api/v1/bulk-acts/{done['id']}").json == undone


def test_customers_are_handed_over_after_a_preview_and_taken_back(program, rows):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    at = rows.customer(customer_no="C-1", manager_id=wu)
    wanted = {
        "from_id": wu,
        "to_id": li,
        "customer_ids": [at],
        "reason": "moves",
        "last_day": "2026-03-31",
    }

    plan = program.post("/api/v1/handovers/preview", wanted).json
    made = program.post("/api/v1/handovers", wanted)
    held = program.get(f"/api/v1/customers/{at}").json["manager_id"]
    back = program.post(f"/api/v1/handovers/{made.json['id']}/undo")

    assert plan["customers"] == [at]
    assert (made.status_code, held) == (201, li), made.text
    assert back.json["undone_at"] is not None
    assert program.get(f"/api/v1/customers/{at}").json["manager_id"] == wu


def test_hand_overs_are_listed_and_one_has_a_line_of_each_customer_and_says_who_stays(
    app, program, rows, make_user, sessions
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    make_user("wu", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    make_user("zhao", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    leaver, stranger = (Program(app, token_for(app, name)) for name in ("wu", "zhao"))
    ids = [rows.customer(customer_no=f"C-{number}", manager_id=wu) for number in (1, 2)]
    wanted = {"from_id": wu, "to_id": li, "reason": "moves", "last_day": "2026-03-31"}

    far = program.post("/api/v1/handovers", {**wanted, "last_day": "2062-03-31", "customer_ids": ids})
    made = [program.post("/api/v1/handovers", {**wanted, "customer_ids": [at]}).json for at in ids]
    whole = program.post("/api/v1/handovers", {**wanted, "from_id": li, "to_id": wu, "customer_ids": ids})
    with sessions.begin() as session:
        session.get_one(Customer, ids[1]).touch(replace(ANA, at=NOON + timedelta(minutes=5)))
    back = program.post(f"/api/v1/handovers/{whole.json['id']}/undo").json

    listed = program.get("/api/v1/handovers").json["items"]
    sheet = program.get(f"/api/v1/handovers/{made[0]['id']}").json
    theirs = leaver.get(f"/api/v1/handovers/{made[0]['id']}").json
    assert (far.status_code, far.json["code"], set(far.json["fields"])) == (
        400,
        "handover-day",
        {"last_day"},
    ), far.text
    assert [one["id"] for one in listed] == [*(one["id"] for one in made), whole.json["id"]]
    assert sheet["lines"] == [{"customer_no": "C-1", "customer_id": ids[0], "stays": False}]
    assert theirs["lines"] == [{"customer_no": "C-1", "customer_id": None, "stays": False}], (
        "signed for, and seen no more"
    )
    assert (back["stay"], back["undone_at"] is not None) == (["C-2"], True)
    again = program.get(f"/api/v1/handovers/{whole.json['id']}").json["lines"]
    assert [one["customer_no"] for one in again if one["stays"]] == ["C-2"]
    assert stranger.get("/api/v1/handovers").json["items"] == []
    assert stranger.get(f"/api/v1/handovers/{made[0]['id']}").status_code == 404
    with sessions() as session:
        held = [session.get_one(Customer, at).manager_id for at in ids]
    assert held == [li, wu]


def test_a_hand_over_is_signed_by_its_two_and_a_paper_is_noted(app, program, rows, make_user, sessions):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    for name, manager_id in (("wu", wu), ("li", li), ("zhao", rows.manager())):
        make_user(name, StaffKind.ACCOUNT_MANAGER, manager_id=manager_id)
    giver, taker, stranger = (Program(app, token_for(app, name)) for name in ("wu", "li", "zhao"))
    wanted = {"from_id": wu, "to_id": li, "reason": "leaves", "last_day": "2026-03-31"}
    ids = [rows.customer(customer_no=f"C-{number}", manager_id=wu) for number in (1, 2)]
    one, other = (
        f"/api/v1/handovers/{program.post('/api/v1/handovers', {**wanted, 'customer_ids': [at]}).json['id']}"
        for at in ids
    )

    assert stranger.post(f"{one}/signature").status_code == 404
    assert program.post(f"{one}/signature").json["code"] == "handover-not-yours"
    reader = Program(app, token_for(app, "wu", [(Resource.CUSTOMER, Action.READ)]))
    assert reader.get(one).status_code == 200
    assert reader.post(f"{one}/signature").status_code == 403
    assert giver.post(f"{one}/signature").json["signed_from_by"] == "wu"
    assert taker.post(f"{one}/signature").json["signed_to_by"] == "li"
    assert taker.post(f"{one}/signature").status_code == 409
    assert giver.post(f"{other}/paper", {"where": "binder 7"}).status_code == 403
    assert program.post(f"{other}/paper", {"where": " "}).json["code"] == "handover-paper"
    noted = program.post(f"{other}/paper", {"where": "binder 7"}).json
    assert (noted["signed_from_paper"], noted["signed_from_by"]) == ("binder 7", "boss")
    for act in ("leaving", "undo"):
        assert giver.post(f"{other}/{act}").status_code == 403
    assert program.post(f"{other}/leaving").status_code == 200
    assert program.post(f"{other}/leaving").json["code"] == "handover-left"
    with sessions() as session:
        assert session.get_one(Manager, wu).status is ManagerStatus.LEFT


def test_bulk_acts_are_listed_and_each_exception_has_its_reason(app, program, rows, make_user, database):
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    make_user("clerk", StaffKind.SERVICE)
    seller, clerk = (Program(app, token_for(app, name)) for name in ("seller", "clerk"))
    ids = [rows.customer(tags=["VIP"] if number % 3 else []) for number in range(40)]
    wanted = {"ids": ids, "kind": "add_tag", "value": "VIP", "reason": "yearly clean-up"}
    so = "It is so already. There is nothing to do."

    tried = program.post("/api/v1/customers/bulk", {**wanted, "try": True}).json
    act = program.post("/api/v1/customers/bulk", wanted).json
    address = f"/api/v1/bulk-acts/{act['id']}"
    rest = list[dict[str, str]]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"{address}/rows?state=left&size=25&after={after}").json
        rest += page["items"]
        after = page["next"]

    assert tried["reasons"] == act["reasons"] == [{"why": so, "customers": 26}]
    assert (act["reason"], act["made_by"], act["handovers"]) == ("yearly clean-up", "boss", [])
    listed = program.get("/api/v1/bulk-acts").json["items"]
    assert [(one["id"], one["done"], one["left_out"]) for one in listed] == [(act["id"], 14, 26)]
    with database.reads() as session:
        left = select(BulkRow.customer_id).where(BulkRow.state == RowState.LEFT)
        assert {one["customer_id"] for one in rest} == set(session.scalars(left))
    assert (len(rest), {one["why"] for one in rest}) == (26, {so})
    assert len(program.get(f"{address}/rows?size=100").json["items"]) == 40
    assert seller.get("/api/v1/bulk-acts").json["items"] == []
    assert [seller.get(f"{address}{rest}").status_code for rest in ("", "/rows")] == [404, 404]
    assert clerk.get("/api/v1/bulk-acts").json["items"] == []
    assert program.get(f"{address}/rows?after=bm9uc2Vuc2U").status_code == 400


def test_a_bulk_hand_over_names_the_hand_overs_it_made(program, rows):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    ids = [rows.customer(manager_id=wu), rows.customer()]
    wanted = {"ids": ids, "kind": "hand_over", "value": li, "reason": "spread anew"}

    act = program.post("/api/v1/customers/bulk", wanted).json

    (made,) = program.get("/api/v1/handovers").json["items"]
    assert act["handovers"] == [made["id"]]
    assert [one["customers"] for one in act["reasons"]] == [1]
    assert "no account manager" in act["reasons"][0]["why"]


def test_judgements_and_merges_are_asked_for_and_decided_by_somebody_else(program, rows, app, make_user):
    make_user("other")
    second = Program(app, token_for(app, "other"))
    one, other = rows.customer(customer_no="C-1"), rows.customer(customer_no="C-2")

    judged = program.post("/api/v1/qualifications", {"customer_id": one})
    own = program.post(f"/api/v1/qualifications/{judged.json['id']}/approval")
    proposed = program.post("/api/v1/merges", {"survivor_id": one, "loser_id": other, "chosen": ["name"]})
    refused = program.post(f"/api/v1/merges/{proposed.json['id']}/approval")
    merged = second.post(f"/api/v1/merges/{proposed.json['id']}/approval")
    back = program.post(f"/api/v1/merges/{proposed.json['id']}/take-back")

    assert judged.status_code == 201, judged.text
    assert (own.status_code, refused.status_code) == (403, 403), own.text
    assert [one["state"] for one in program.get(f"/api/v1/customers/{one}/qualifications").json["items"]] == [
        "proposed"
    ]
    assert proposed.status_code == 201, proposed.text
    assert (merged.status_code, back.status_code) == (200, 200), (merged.text, back.text)
    assert [one["state"] for one in program.get("/api/v1/merges?state=undone").json["items"]] == ["undone"]
    assert program.get("/api/v1/duplicates").json == {"items": [], "next": None}


def test_a_judgement_asked_for_again_the_same_day_is_the_one_there_is(program, rows):
    at = rows.customer(customer_no="C-1")
    key = {"Idempotency-Key": "again"}

    first = program.post("/api/v1/qualifications", {"customer_id": at})
    same = program.post("/api/v1/qualifications", {"customer_id": at}, **key)
    repeated = program.post("/api/v1/qualifications", {"customer_id": at}, **key)
    rows.bill_line(at, amount_minor=100_000_00)
    other = program.post("/api/v1/qualifications", {"customer_id": at})

    assert [one.status_code for one in (first, same, repeated, other)] == [201, 200, 200, 201], same.text
    assert same.json == repeated.json == first.json
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert other.json["id"] != first.json["id"]
    kept = program.get(f"/api/v1/customers/{at}/qualifications").json["items"]
    assert sorted(one["state"] for one in kept) == ["proposed", "superseded"]


def test_a_judgement_is_the_same_whatever_else_the_token_opens(program, rows, app):
    at = rows.customer(customer_no="C-1")
    rows.bill_line(at, amount_minor=100_000_00)
    narrow = Program(app, token_for(app, "boss", [(Resource.QUALIFICATION, Action.CREATE)]))

    first = program.post("/api/v1/qualifications", {"customer_id": at}).json
    second = narrow.post("/api/v1/qualifications", {"customer_id": at}).json

    same = ("outcome", "kind", "grade", "score")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert narrow.get(f"/api/v1/customers/{at}").status_code == 403
    assert narrow.get(f"/api/v1/customers/{at}/contacts").status_code == 403


@pytest.mark.parametrize(
    ("address", "field", "more"),
    [
        ("/api/v1/customers/bulk", "ids", {"kind": "add_tag", "value": "VIP", "reason": "yearly clean-up"}),
        ("/api/v1/handovers", "customer_ids", {"reason": "moves", "last_day": "2026-03-31"}),
        ("/api/v1/handovers/preview", "customer_ids", {"reason": "moves", "last_day": "2026-03-31"}),
    ],
)
def test_an_id_that_is_none_is_refused_with_its_place_and_nothing_is_done(
    program, rows, database, address, field, more
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    parties = {"from_id": wu, "to_id": li} if field == "customer_ids" else {}
    ids = [rows.customer(customer_no=f"C-{number}", manager_id=wu) for number in range(3)]

    answer = program.post(address, {field: [ids[0], ids[1][:-1], ids[2]], **parties, **more})

    assert answer.status_code == 400, answer.text
    assert [*answer.json["fields"]] == [field]
    assert [*answer.json["fields"][field]] == ["1"]
    with database.reads() as session:
        found = session.scalars(select(Customer)).all()
        assert {(one.manager_id, *one.tags) for one in found} == {(wu,)}
        assert session.scalar(select(BulkRow)) is None


@pytest.mark.parametrize("kind", ["add_tag", "hand_over"])
def test_who_is_not_seen_any_more_is_left_out_with_the_reason_tried_and_done_alike(
    app, program, rows, make_user, database, kind
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    make_user("wu", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    # Only who leads a branch hands over; of a customer who is gone it knows as little as wu of one of li's.
    asker = Program(app, token_for(app, "wu")) if kind == "add_tag" else program
    away = rows.customer(customer_no="C-2", manager_id=li) if kind == "add_tag" else new_id()
    ids = [rows.customer(customer_no="C-1", manager_id=wu), away, new_id()]
    value = "VIP" if kind == "add_tag" else li
    wanted = {"ids": ids, "kind": kind, "value": value, "reason": "yearly clean-up"}

    tried = asker.post("/api/v1/customers/bulk", {**wanted, "try": True}).json
    done = asker.post("/api/v1/customers/bulk", wanted, idempotency_key="k").json
    again = asker.post("/api/v1/customers/bulk", wanted, idempotency_key="k").json
    later = asker.get(f"/api/v1/bulk-acts/{done['id']}").json

    for one in (tried, done, again, later):
        assert (one["asked"], one["done"], one["left_out"]) == (3, 1, 2)
        assert [reason["customers"] for reason in one["reasons"]] == [2]
        assert "Ask who holds it now." in one["reasons"][0]["why"]
    for one in (tried, done, again):
        assert {row["customer_id"] for row in one["rows"] if row["state"] == "left"} == {*ids[1:]}
    assert [row["customer_id"] for row in later["rows"]] == ids[:1], "a row would tell who is there"
    with database.reads() as session:
        assert session.scalars(select(Customer.tags).where(Customer.id == away)).all() in ([], [[]])


def test_a_hand_over_says_before_who_is_not_of_who_hands_over_and_then_moves_nobody(program, rows, database):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    own, others, none = rows.customer(manager_id=wu), rows.customer(manager_id=li), new_id()
    wanted = {"from_id": wu, "to_id": li, "reason": "moves", "last_day": "2026-03-31"}
    wanted["customer_ids"] = [own, others, none]

    plan = program.post("/api/v1/handovers/preview", wanted).json
    refused = program.post("/api/v1/handovers", {**wanted, "customer_ids": [own, none]})

    assert (plan["customers"], plan["others"]) == ([own], [others, none])
    assert (refused.status_code, refused.json["code"]) == (409, "handover-meanwhile")
    with database.reads() as session:
        assert session.get_one(Customer, own).manager_id == wu
