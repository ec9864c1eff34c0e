"""Qualification over the wire: rules go down and are judged by, judgements come up and are counted."""

from dataclasses import replace
from datetime import date

from sqlalchemy import select

from branch_node.erasure.operations import Known, carry_out
from branch_node.inbound.queries import list_items
from branch_node.qualification import operations
from branch_node.qualification.jobs import review_qualifications
from branch_node.qualification.models import Qualification
from branch_node.qualification.operations import Terms
from branch_node.qualification.queries import rules_in_force
from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.qualification.queries import count_standings
from hq_server.replica.models import ReplicaCustomer, ReplicaQualification
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.published import rules as published
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.rules import write_rules
from shared.domain.qualification.standard import STANDARD
from shared.jobs.job import Progress
from sync_protocol.contract.feed import REFUSED
from tests.support import setbacks


def publish(world, **changes):
    with world.hq.database.sessions.begin() as session:
        body = {**write_rules(STANDARD), **changes}
        item = feed.make_item(session, ItemKind.RULES, NAME, Draft(body), by=world.by())
        feed.publish(session, item.id, by=world.by())


def terms(world):
    return Terms.at(world.clock.now(), "Asia/Shanghai", "CNY")


def qualified(world, branch):
    """A customer judged by one and approved by another; returns the customer."""
    customer = branch.add_customer(
        id_type="id_card", id_no="11010519491231002X", opened_on=date(2020, 1, 1), grade=None
    )
    by = world.by()
    with branch.runtime.database.sessions.begin() as session:
        made = operations.apply(session, customer, terms=terms(world), by=replace(by, actor="ana")).one.id
    with branch.runtime.database.sessions.begin() as session:
        operations.approve(session, made, terms=terms(world), by=replace(by, actor="boris"))
    return customer


def night(world, branch):
    """Let what is past its review expire, as the branch's own night does."""
    review_qualifications(branch.runtime, world.by(), Progress())


def states(branch):
    with branch.runtime.database.reads() as session:
        return {one.id: one.state.value for one in session.scalars(select(Qualification))}


def test_a_branch_judges_by_published_rules_and_head_office_holds_the_same(world):
    branch = world.make_branch("B001")
    publish(world, grades={"A": 30, "B": 20, "C": 10})
    assert branch.push().outcome == "done"
    with branch.runtime.database.reads() as session:
        assert rules_in_force(session, world.clock.now()).version == 1
    customer = qualified(world, branch)
    branch.add_customer()
    branch.push()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        ours = session.scalars(select(Qualification)).one()
        theirs = hq.scalars(select(ReplicaQualification)).one()
        assert (theirs.id, theirs.state, theirs.lines) == (ours.id, "approved", ours.lines)
        assert (theirs.grade, theirs.rules_version) == ("A", 1)
        assert hq.scalars(select(ReplicaCustomer.grade).where(ReplicaCustomer.id == customer)).one() == "A"
        number = theirs.branch_number
        assert count_standings(hq, [number]) == {number: {"A": 1, "none": 1}}


def test_a_branch_that_does_not_know_rules_refuses_them_and_says_so(world, monkeypatch):
    branch = world.make_branch("B001")
    publish(world)
    older = {kind: check for kind, check in published._CHECKS.items() if kind is not ItemKind.RULES}
    monkeypatch.setattr(published, "_CHECKS", older)
    assert branch.push().outcome == "done"
    with branch.runtime.database.reads() as session:
        assert rules_in_force(session, world.clock.now()) == STANDARD
        [item] = list_items(session)
        assert (item.outcome, item.reasons) == (REFUSED, [published.UNKNOWN_KIND])


def test_why_it_was_refused_goes_with_an_erasure_at_both_tiers(world):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    made = branch.add_qualification(customer, state="refused", reason="canary 合同未到期")
    branch.push()
    by = world.by()
    with branch.runtime.database.sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, by), by=by)
    branch.push()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        assert session.get_one(Qualification, made).reason is None
        theirs = hq.scalars(select(ReplicaQualification)).one()
        assert (theirs.id, theirs.reason) == (made, None)


def test_a_branch_restored_from_before_has_its_judgements_back_and_lets_them_expire(world):
    branch = world.make_branch("B001")
    kept, judged_since = branch.add_customer(), branch.add_customer()
    ending = branch.add_qualification(kept, next_review_on=world.clock.now().date())
    branch.push()
    archive = setbacks.back_up_branch(branch)
    since = branch.add_qualification(judged_since, grade="A")
    world.advance(days=2)
    night(world, branch)
    branch.push()
    assert states(branch) == {ending: "expired", since: "approved"}

    setbacks.set_back(branch, archive)
    branch.push()

    assert states(branch) == {ending: "expired", since: "approved"}
    world.assert_equal()
    # what expires while the line is away expires by the branch's own night
    setbacks.set_back(branch, archive)
    night(world, branch)
    assert states(branch) == {ending: "expired"}
    branch.push()
    assert states(branch) == {ending: "expired", since: "approved"}
    world.assert_equal()
