"""Programs try bulk acts of any size, read what they would do, and have them done, stopped or discarded."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.bulk import working
from branch_node.bulk.jobs import go_on_with_acts
from branch_node.bulk.models import BulkAct, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer
from branch_node.ranges import RANGES
from shared.domain.customers.vocabulary import CustomerStatus
from shared.jobs import operations as jobs
from shared.jobs.job import Progress
from shared.jobs.models import JobLease
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.stamp import Stamp, Via
from tests.integration.branch_node.bulk.conftest import many
from tests.support.interfaces import Program, token_for

__all__ = ["many"]
ACTS = "/api/v1/bulk-acts"
TAG = {"kind": "add_tag", "value": "VIP", "reason": "yearly clean-up"}
# In place of a thousand: what is large is larger than this.
MOST = 20


@pytest.fixture
def work(app, clock, monkeypatch):
    """Let the job run once, as the runner does; what is large is larger than MOST."""
    monkeypatch.setattr(working, "MOST", MOST)

    def run():
        clock.advance(timedelta(minutes=1))
        stamp = Stamp(clock.now(), "job:bulk-acts", Via.JOB)
        return go_on_with_acts(app.extensions["branchline"], stamp, Progress(), ranged=RANGES)

    return run


def stored(sessions, model):
    with sessions() as session:
        return session.scalars(select(model)).all()


def tagged(sessions):
    return sum("VIP" in one.tags for one in stored(sessions, Customer))


def rows_of(program, address):
    found = list[dict[str, str]]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"{address}/rows?after={after}").json
        found += page["items"]
        after = page["next"]
    return found


def test_an_act_on_a_few_is_kept_as_tried_read_with_its_exceptions_and_done_once(program, rows, sessions):
    ids = [rows.customer(customer_no="C-1"), rows.customer(customer_no="C-2", tags=["VIP"])]

    plan = program.post(ACTS, {**TAG, "ids": ids}, idempotency_key="p")
    again = program.post(ACTS, {**TAG, "ids": ids}, idempotency_key="p")
    address = f"{ACTS}/{plan.json['id']}"
    untouched = tagged(sessions)
    read = program.get(address).json
    done = program.post(f"{address}/carrying-out", idempotency_key="d")
    repeated = program.post(f"{address}/carrying-out", idempotency_key="d")
    second = program.post(f"{address}/carrying-out")

    assert (plan.status_code, again.status_code, untouched) == (201, 201, 1), plan.text
    assert (plan.json["state"], plan.json["asked"], plan.json["done"], plan.json["left_out"]) == (
        "tried",
        2,
        0,
        1,
    )
    assert read == plan.json == again.json
    assert {one["customer_id"]: one["state"] for one in read["rows"]} == {ids[0]: "fit", ids[1]: "left"}
    assert read["reasons"] == [{"why": "It is so already. There is nothing to do.", "customers": 1}]
    assert (done.json["state"], done.json["done"], done.json["left_out"]) == ("done", 1, 1)
    assert (repeated.status_code, repeated.json) == (200, done.json)
    assert (second.status_code, second.json["code"]) == (409, "bulk-state")
    assert tagged(sessions) == 2
    (act,) = stored(sessions, BulkAct)
    assert (act.id, act.state, act.done, act.made_by) == (plan.json["id"], BulkState.DONE, 1, "boss")


def test_more_than_a_request_takes_are_tried_and_done_by_the_job_with_its_progress_and_every_exception_read(
    program, many, work, sessions
):
    many(MOST + 34)
    many(2, tags=["VIP"])
    many(3, status=CustomerStatus.CLOSED)

    plan = program.post(ACTS, {**TAG, "filters": {"status": ["active"]}})
    address = f"{ACTS}/{plan.json['id']}"
    early = program.post(f"{address}/carrying-out")
    work()
    tried = program.get(address).json
    ordered = program.post(f"{address}/carrying-out").json
    untouched = tagged(sessions)
    work()
    done = program.get(address).json

    assert (plan.status_code, plan.json["state"], plan.json["handled"], plan.json["asked"]) == (
        201,
        "trying",
        0,
        56,
    )
    assert (early.status_code, early.json["code"]) == (409, "bulk-state"), "not tried yet"
    assert (tried["state"], tried["handled"], tried["left_out"]) == ("tried", 56, 2)
    assert (ordered["state"], ordered["handled"], untouched) == ("running", 0, 2)
    assert (done["state"], done["done"], done["left_out"], done["ended_at"] is not None) == (
        "done",
        54,
        2,
        True,
    )
    assert done["reasons"] == [{"why": "It is so already. There is nothing to do.", "customers": 2}]
    told = rows_of(program, address)
    assert sorted(one["state"] for one in told) == ["done"] * 54 + ["left"] * 2
    assert len(stored(sessions, BulkRow)) == len(told)
    assert tagged(sessions) == 56


def test_the_job_is_called_for_at_once_for_trying_and_for_doing(program, many, work, sessions, clock):
    many(MOST + 1)

    def put_off():
        with sessions.begin() as session:
            jobs.plan(session, working.JOB, f"never {clock.now()}", due_at=clock.now() + timedelta(days=1))

    def due():
        with sessions() as session:
            return session.get_one(JobLease, working.JOB).next_due_at

    put_off()
    address = f"{ACTS}/{program.post(ACTS, {**TAG, 'filters': {}}).json['id']}"
    assert due() == clock.now()
    work()
    put_off()
    assert program.post(f"{address}/carrying-out").status_code == 200
    assert due() == clock.now()


def test_whom_it_reaches_is_said_by_filters_or_by_a_view_with_filters_beside_it(program, rows, sessions):
    for number in range(4):
        status = CustomerStatus.CLOSED if number % 2 else CustomerStatus.ACTIVE
        rows.customer(customer_no=f"C-{number}", name=f"n{number}", status=status)
    view = program.post("/api/v1/customer-views", {"name": "open", "filters": {"status": ["active"]}}).json[
        "id"
    ]

    def reached(**whom):
        plan = program.post(ACTS, {**TAG, **whom})
        assert plan.status_code == 201, plan.text
        with sessions() as session:
            numbers = select(Customer.customer_no).join(BulkRow, BulkRow.customer_id == Customer.id)
            return sorted(session.scalars(numbers.where(BulkRow.act_id == plan.json["id"])))

    assert reached(filters={}) == ["C-0", "C-1", "C-2", "C-3"]
    assert reached(filters={"q": "n3"}) == ["C-3"]
    assert reached(view=view) == ["C-0", "C-2"]
    assert reached(view=view, filters={"status": ["closed"]}) == ["C-1", "C-3"]
    assert reached(view=view, filters={"q": "n2"}) == ["C-2"]


def test_an_act_at_work_is_stopped_and_a_plan_is_discarded_and_of_either_nothing_more_is_done(
    program, many, work, sessions
):
    many(MOST + 5)
    addresses = [f"{ACTS}/{program.post(ACTS, {**TAG, 'filters': {}}).json['id']}" for _one in range(2)]
    work()
    program.post(f"{addresses[0]}/carrying-out")

    stopped = program.post(f"{addresses[0]}/stopping")
    gone = program.ask("DELETE", addresses[1], {})
    work()

    assert (stopped.status_code, stopped.json["state"], stopped.json["done"]) == (200, "stopped", 0), (
        stopped.text
    )
    assert (gone.status_code, gone.json["state"]) == (200, "tried")
    assert program.get(addresses[1]).status_code == 404
    assert program.post(f"{addresses[0]}/stopping").json["code"] == "bulk-state"
    assert program.ask("DELETE", addresses[0], {}).json["code"] == "bulk-state", "what was begun stays"
    assert tagged(sessions) == 0
    assert [one.state for one in stored(sessions, BulkAct)] == [BulkState.STOPPED]
    assert {one.state for one in stored(sessions, BulkRow)} == {RowState.WAITING}


def test_only_who_tried_an_act_does_it_and_with_the_rights_of_the_token_for_it(
    app, program, rows, make_user, sessions
):
    make_user("other")
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    colleague, stranger = (Program(app, token_for(app, name)) for name in ("other", "li"))
    narrow = Program(
        app, token_for(app, "boss", [(Resource.CUSTOMER, Action.UPDATE), (Resource.CUSTOMER, Action.READ)])
    )
    at = rows.customer()
    address = (
        f"{ACTS}/{program.post(ACTS, {'ids': [at], 'kind': 'retire', 'reason': 'gone for good'}).json['id']}"
    )

    others = [one.post(f"{address}/carrying-out") for one in (colleague, narrow)]
    far = [stranger.post(f"{address}/{act}") for act in ("carrying-out", "stopping")]
    far.append(stranger.ask("DELETE", address, {}))
    unallowed = narrow.post(ACTS, {"ids": [at], "kind": "retire", "reason": "gone for good"})

    assert [(one.status_code, one.json["code"]) for one in others] == [
        (403, "bulk-not-yours"),
        (403, "bulk-forbidden"),
    ]
    assert [one.status_code for one in far] == [404] * 3
    assert (unallowed.status_code, unallowed.json["code"]) == (403, "bulk-forbidden")
    assert [one.status for one in stored(sessions, Customer)] == [CustomerStatus.ACTIVE]
    assert program.post(f"{address}/carrying-out").json["done"] == 1


def test_a_filter_reaches_only_whom_the_owner_of_the_token_sees_and_of_ids_of_others_nothing_is_told(
    app, rows, make_user, sessions
):
    mine = rows.manager()
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    seller = Program(app, token_for(app, "li"))
    own, other = rows.customer(manager_id=mine), rows.customer()
    nobody = "00000000-0000-0000-0000-000000000000"

    found = seller.post(ACTS, {**TAG, "filters": {}}).json
    named = seller.post(ACTS, {**TAG, "ids": [own, other, nobody]}).json

    assert [one["customer_id"] for one in found["rows"]] == [own]
    why = {one["customer_id"]: one["why"] for one in named["rows"]}
    assert (named["asked"], named["left_out"], why[other]) == (3, 2, why[nobody])
    assert {one.customer_id for one in stored(sessions, BulkRow)} == {own}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, ["ids"]),
        ({"ids": [], "filters": {}}, ["ids"]),
        ({"ids": [], "view": "mine"}, ["ids"]),
        ({"view": " "}, ["ids"]),
        ({"ids": ["nonsense"]}, ["ids", "0"]),
        ({"filters": {"grade": ["Q"]}}, ["filters", "grade", "0"]),
        ({"filters": {"shoe": "43"}}, ["filters", "shoe"]),
        ({"filters": {}, "kind": "paint"}, ["kind"]),
        ({"filters": {}, "reason": "x"}, ["reason"]),
        ({"filters": {}, "colour": "red"}, ["colour"]),
    ],
)
def test_what_is_wrong_is_refused_at_its_name_and_no_plan_is_kept(program, rows, sessions, sent, field):
    rows.customer()
    answer = program.post(ACTS, {**TAG, **sent})

    assert answer.status_code == 400, answer.text
    named, at = [], answer.json["fields"]
    while isinstance(at, dict):
        ((name, at),) = at.items()
        named.append(name)
    assert named == field
    assert stored(sessions, BulkAct) == []


def test_nobody_found_too_many_ids_and_a_view_that_is_none_are_refused(program, rows, sessions):
    ids = [f"00000000-0000-7000-8000-{number:012}" for number in range(1001)]

    nobody = program.post(ACTS, {**TAG, "filters": {"status": ["closed"]}})
    too_many = program.post(ACTS, {**TAG, "ids": ids})
    lost = program.post(ACTS, {**TAG, "view": "nowhere"})

    assert [(one.status_code, one.json["code"], [*one.json["fields"]]) for one in (nobody, too_many)] == [
        (400, "bulk-nobody", ["filters"]),
        (400, "bulk-nobody", ["ids"]),
    ]
    assert (lost.status_code, lost.json["code"]) == (404, "list-view-not-found")
    assert stored(sessions, BulkAct) == []
