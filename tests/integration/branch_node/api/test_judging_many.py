"""Programs judge many customers and decide on many judgements: tried first, each left out with its reason."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from branch_node.api import judging_many_routes
from branch_node.erasure.operations import Known, carry_out
from branch_node.qualification.models import Qualification
from shared.audit.models import AuditEntry
from shared.domain.erasure.vocabulary import ErasureReason
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.branch_node.qualification.test_judging import good
from tests.support.branch import ANA
from tests.support.interfaces import Program, token_for

JUDGING = "/api/v1/qualifications/judging"
APPROVING = "/api/v1/qualifications/approving"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def second(app, program, make_user):
    """A program of another branch manager's, who decides on what the first one proposed."""
    make_user("other")
    return Program(app, token_for(app, "other"))


def states(sessions):
    with sessions() as session:
        return sorted(one.state.value for one in session.scalars(select(Qualification)))


def told(sessions):
    with sessions() as session:
        return session.scalar(select(func.count()).where(AuditEntry.event.like("qualification.%")))


def test_many_are_judged_after_it_was_tried_and_trying_keeps_nothing(program, rows, sessions):
    ids = [good(rows), rows.customer()]

    tried = program.post(JUDGING, {"ids": ids, "try": True}).json
    before = (states(sessions), told(sessions))
    done = program.post(JUDGING, {"ids": ids}).json
    again = program.post(JUDGING, {"ids": ids}).json

    assert (tried["tried"], tried["judged"], before) == (True, 2, ([], 0))
    plain = {name: done[name] for name in ("judged", "passed", "failed", "changes", "more", "left")}
    assert {name: tried[name] for name in plain} == plain
    assert [one | {"qualification_id": None} for one in done["rows"]] == tried["rows"]
    assert {one["kept"] for one in done["rows"]} == {False}
    assert {one["kept"] for one in again["rows"]} == {True}, "sent again it judges nobody twice"
    assert {one["qualification_id"] for one in again["rows"]} == {
        one["qualification_id"] for one in done["rows"]
    }
    assert states(sessions) == ["proposed", "proposed"]


def test_who_is_not_judged_is_left_out_with_the_reason(program, second, rows, sessions):
    one, merged, erased = good(rows), rows.customer(), rows.customer(customer_no="C-E")
    proposed = program.post("/api/v1/merges", {"survivor_id": one, "loser_id": merged, "chosen": []}).json[
        "id"
    ]
    assert second.post(f"/api/v1/merges/{proposed}/approval").status_code == 200
    with sessions.begin() as session:
        carry_out(session, Known.now(erased, ErasureReason.REQUEST, ANA), by=ANA)

    done = program.post(JUDGING, {"ids": [one, merged, erased, NOBODY, one]}).json

    assert [row["customer_id"] for row in done["rows"]] == [one]
    assert {left["id"]: left["code"] for left in done["left"]} == {
        merged: "customer-merged",
        erased: "customer-erased",
        NOBODY: "customer-not-found",
    }
    assert all(left["why"] for left in done["left"])


def test_those_never_judged_or_due_are_judged_a_part_at_a_time_and_it_is_said_that_there_are_more(
    program, second, rows, sessions, clock, monkeypatch
):
    monkeypatch.setattr(judging_many_routes, "MOST", 3)
    for number in range(4):
        rows.customer(customer_no=f"C-{number}")

    parts = [program.post(JUDGING, {"whom": "never"}).json for _one in range(3)]
    ids = [one["id"] for one in program.get("/api/v1/qualifications?state=proposed").json["items"]]
    approved = second.post(APPROVING, {"ids": ids}).json
    early = program.post(JUDGING, {"whom": "due"}).json
    clock.advance(timedelta(days=500))
    due = Program(program.client.application, token_for(program.client.application, "boss"))
    late = due.post(JUDGING, {"whom": "due"}).json

    assert [(one["judged"], one["more"]) for one in parts] == [(3, True), (1, False), (0, False)]
    assert sorted(approved["approved"]) == sorted(ids)
    assert (early["judged"], late["judged"], late["more"]) == (0, 3, True)
    assert states(sessions) == ["approved"] * 4 + ["proposed"] * 3


def test_many_judgements_are_approved_by_somebody_else_and_the_others_stay_with_their_reasons(
    program, second, rows, sessions
):
    customers = [good(rows, customer_no=f"C-{number}", id_no=None, id_type=None) for number in range(3)]
    made = [one["qualification_id"] for one in program.post(JUDGING, {"ids": customers[:2]}).json["rows"]]
    (own,) = [one["qualification_id"] for one in second.post(JUDGING, {"ids": customers[2:]}).json["rows"]]
    asked = {"ids": [*made, own, NOBODY]}

    tried = second.post(APPROVING, {**asked, "try": True}).json
    before = states(sessions)
    done = second.post(APPROVING, asked).json
    again = second.post(APPROVING, asked).json

    assert (tried["tried"], tried["approved"], before) == (True, made, ["proposed"] * 3)
    assert done == tried | {"tried": False}
    assert {one["id"]: one["code"] for one in done["left"]} == {
        own: "qualification-own",
        NOBODY: "qualification-not-found",
    }
    assert again["approved"] == []
    assert {one["code"] for one in again["left"]} >= {"qualification-not-waiting"}
    assert states(sessions) == ["approved", "approved", "proposed"]
    with sessions() as session:
        events = session.scalars(
            select(AuditEntry.event).where(AuditEntry.event == "qualification.approved")
        ).all()
    assert len(events) == 2, "what was only tried is not told of"


def test_judgements_are_listed_by_state_outcome_customer_and_what_is_due(program, rows):
    ids = [good(rows), rows.customer()]
    program.post(JUDGING, {"ids": ids})

    def listed(asked):
        return {one["customer_id"] for one in program.get(f"/api/v1/qualifications?{asked}").json["items"]}

    assert listed("") == listed("state=proposed") == set(ids)
    assert listed("state=approved") == set()
    assert listed(f"customer={ids[0]}") == {ids[0]}
    assert listed("outcome=passed") | listed("outcome=failed") == set(ids)
    assert listed("due=yes") == set()


def test_an_account_manager_judges_their_own_and_decides_on_nothing_of_others(
    app, program, rows, make_user, sessions
):
    mine = rows.manager()
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    seller = Program(app, token_for(app, "li"))
    narrow = Program(app, token_for(app, "boss", [(Resource.QUALIFICATION, Action.READ)]))
    own, other = rows.customer(manager_id=mine), rows.customer()
    (foreign,) = [one["qualification_id"] for one in program.post(JUDGING, {"ids": [other]}).json["rows"]]

    done = seller.post(JUDGING, {"ids": [own, other]}).json

    assert [one["customer_id"] for one in done["rows"]] == [own]
    assert [(one["id"], one["code"]) for one in done["left"]] == [(other, "customer-not-found")]
    assert foreign not in seller.get("/api/v1/qualifications").text
    assert seller.post(APPROVING, {"ids": [foreign]}).status_code == 403
    assert [narrow.post(path, {"ids": [own]}).status_code for path in (JUDGING, APPROVING)] == [403, 403]
    assert states(sessions) == ["proposed", "proposed"]


@pytest.mark.parametrize(
    ("path", "sent", "field"),
    [
        (JUDGING, {}, {"ids"}),
        (JUDGING, {"ids": [NOBODY], "whom": "due"}, {"ids"}),
        (JUDGING, {"ids": []}, {"ids"}),
        (JUDGING, {"ids": [NOBODY] * 1001}, {"ids"}),
        (JUDGING, {"ids": ["nonsense"]}, {"ids"}),
        (JUDGING, {"whom": "everybody"}, {"whom"}),
        (JUDGING, {"whom": "due", "colour": "red"}, {"colour"}),
        (JUDGING, {"whom": "due", "try": "perhaps"}, {"try"}),
        (APPROVING, {}, {"ids"}),
        (APPROVING, {"ids": []}, {"ids"}),
        (APPROVING, {"ids": [NOBODY] * 101}, {"ids"}),
    ],
)
def test_what_is_wrong_is_refused_at_its_name_and_nobody_is_judged(
    program, rows, sessions, path, sent, field
):
    rows.customer()
    answer = program.post(path, sent)

    assert (answer.status_code, set(answer.json["fields"])) == (400, field), answer.text
    assert states(sessions) == []
