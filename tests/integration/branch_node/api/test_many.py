"""Programs do to many customers what people can: tried first, told of each, taken back."""

from shared.rights.vocabulary import Action, Resource
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
