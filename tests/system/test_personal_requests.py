"""What people ask a branch about their data: head office is told of kind, days and state, and of nobody's name."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.personal import requests
from branch_node.personal.models import PersonalRequest
from branch_node.personal.request_words import IdentityCheck
from branch_node.personal.requests import Asked
from branch_node.tables import APP
from hq_server.replica.models import ReplicaPersonalRequest
from shared.db.migrations import downgrade, upgrade
from shared.domain.personal.vocabulary import RequestKind, RequestState
from sync_protocol.changelog.models import Change
from tests.support.world import BranchHere, World
from tests.system.test_erasure import tables_with

TODAY = date(2026, 11, 20)
WHO = "Canary77Xq"
# The revision before head office was told.
BEFORE = "a4075dd18f62"


def ask(branch: BranchHere, customer: str) -> str:
    asked = Asked(RequestKind.CORRECTION, f"{WHO} daughter", IdentityCheck.KNOWN, TODAY, f"{WHO} note")
    with branch.runtime.database.sessions.begin() as session:
        return requests.record_request(session, customer, asked, by=branch.world.by(f"{WHO} clerk")).id


def changes_of(session: Session) -> list[tuple[str, str]]:
    chosen = select(Change.record_id, Change.op).where(Change.record_type == "personal_request")
    return [(row.record_id, row.op) for row in session.execute(chosen)]


def told(world: World) -> list[tuple[str, RequestKind, date, RequestState, bool]]:
    with world.hq.database.reads() as session:
        found = session.scalars(select(ReplicaPersonalRequest)).all()
        return [(one.id, one.kind, one.received_on, one.state, one.ended_at is not None) for one in found]


def test_head_office_is_told_of_a_request_and_of_its_answer_but_not_who_asked(world: World) -> None:
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    request = ask(branch, customer)
    branch.push()
    assert told(world) == [(request, RequestKind.CORRECTION, TODAY, RequestState.OPEN, False)]

    with branch.runtime.database.sessions.begin() as session:
        requests.refuse(session, request, answer=f"{WHO} moved", by=world.by(f"{WHO} clerk"))
    branch.push()

    assert told(world) == [(request, RequestKind.CORRECTION, TODAY, RequestState.REFUSED, True)]
    assert tables_with(world.hq, WHO) == set()
    assert "personal_requests" in tables_with(branch.runtime, WHO)
    assert customer not in {value for row in told(world) for value in row}


def test_requests_recorded_before_head_office_was_told_of_them_are_told_after_the_upgrade(
    world: World,
) -> None:
    branch = world.make_branch("B001")
    request = ask(branch, branch.add_customer())
    database = branch.runtime.database
    downgrade(database, APP, BEFORE)
    with database.reads() as session:
        assert session.scalars(select(PersonalRequest.id)).all() == [request]
        assert changes_of(session) == []

    upgrade(database, APP)

    with database.reads() as session:
        assert changes_of(session) == [(request, "I")]
    branch.push()
    assert [row[0] for row in told(world)] == [request]
