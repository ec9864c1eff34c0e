"""A branch sees which of its records head office refused, mends them, and sees them go."""

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer
from branch_node.outbound import refusals
from branch_node.outbound.client import HqRefusedError, make_client
from branch_node.outbound.contacts import Contact
from branch_node.outbound.models import RefusedRecord
from branch_node.outbound.queries import get_membership
from branch_node.outbound.transport import NoAnswerError
from hq_server.parking import queries
from hq_server.parking.models import ParkedRecord
from shared.alarms.models import Alarm
from tests.support.world import World


@pytest.fixture
def branch(world: World):
    return world.make_branch("B001")


class Counting:
    """A good line that remembers what was asked."""

    def __init__(self, inner):
        self.inner, self.asked = inner, []

    def send(self, request):
        self.asked.append(request.url)
        return self.inner.send(request)

    @property
    def lists(self):
        return sum("/parked" in url for url in self.asked)


def _refused(branch):
    with branch.runtime.database.reads() as session:
        return session.scalars(select(RefusedRecord).order_by(RefusedRecord.id)).all()


def _alarms(branch):
    with branch.runtime.database.reads() as session:
        found = session.scalars(select(Alarm).where(Alarm.code == "records-refused").order_by(Alarm.id)).all()
    return [(alarm.times, alarm.details["records"], alarm.is_open) for alarm in found]


def _mend(branch, customer):
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(attributes={}))


def test_a_branch_knows_what_was_refused_and_why_in_the_cycle_that_sent_it(branch, world):
    manager = branch.add_manager()
    bad = branch.add_customer(attributes={"nested": {}}, manager_id=manager)
    line = branch.add_bill_line(bad)

    branch.push()

    first, second = _refused(branch)
    assert (first.record_type, first.record_id, first.code) == ("customer", bad, "invalid")
    assert "attributes" in first.reasons
    assert (second.record_type, second.record_id, second.code) == ("bill_line", line, "waits")
    assert _alarms(branch) == [(1, 2, True)]


def test_mended_records_leave_the_list_in_the_cycle_that_sends_them(branch, world):
    bad = branch.add_customer(attributes={"nested": {}})
    branch.add_bill_line(bad)
    branch.push()
    _mend(branch, bad)

    branch.push()

    assert _refused(branch) == []
    assert _alarms(branch) == [(1, 2, False)]
    world.assert_equal()


def test_what_head_office_settled_meanwhile_leaves_the_list_with_the_next_contact(branch, world):
    branch.add_customer(attributes={"nested": {}})
    branch.push()
    with world.hq.database.sessions.begin() as session:
        session.query(ParkedRecord).update({"state": "waived", "settled_at": world.clock.now()})

    branch.push()

    assert _refused(branch) == []


def test_a_list_that_has_not_changed_counts_no_new_alarm(branch):
    branch.add_customer(attributes={"nested": {}})
    branch.push()
    kept = _refused(branch)[0].id

    branch.push()

    assert [one.id for one in _refused(branch)] == [kept]
    assert _alarms(branch) == [(1, 1, True)]


def test_nobody_asks_for_the_list_while_there_is_none(branch, world):
    branch.add_customer()
    line = Counting(world.transport())

    branch.push(transport=line)

    assert line.lists == 0


def test_a_long_list_is_fetched_page_by_page_and_cut_where_nobody_reads_on(branch, world, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 3)
    monkeypatch.setattr(refusals, "MOST_KEPT", 7)
    ids = [branch.add_customer(attributes={"nested": {}}) for _number in range(9)]
    line = Counting(world.transport())

    branch.push(transport=line)

    assert [one.record_id for one in _refused(branch)] == ids[:7]
    assert line.lists == 3
    assert _alarms(branch) == [(1, 9, True)]


def test_a_list_that_does_not_arrive_costs_nothing_and_is_fetched_later(branch, world):
    branch.add_customer(attributes={"nested": {}})
    inner = world.transport()

    class Broken:
        def send(self, request):
            if "/parked" in request.url:
                raise NoAnswerError(reason="lost")
            return inner.send(request)

    assert branch.push(transport=Broken()).outcome == "retry"
    assert _refused(branch) == []
    assert branch.push().outcome == "done"

    assert len(_refused(branch)) == 1


def _client(branch):
    """Return a client in the branch's present contact."""
    with branch.runtime.database.reads() as session:
        client = make_client(branch.runtime, get_membership(session))
    client.contact = Contact(branch.runtime.settings.home.read_lines("contacts")[-1])
    return client


def test_a_branch_is_told_of_its_own_records_only(branch, world):
    other = world.make_branch("B002")
    other.add_customer(attributes={"nested": {}})
    other.push()
    branch.add_customer()
    branch.push()

    mine = _client(branch).parked(0)
    assert (mine.total, mine.entries) == (0, [])
    assert _client(other).parked(0).total == 1
    assert _client(other).parked(10**11).entries == []


@pytest.mark.parametrize("after", ["x", "-1"])
def test_a_page_that_cannot_be_meant_is_refused(branch, after):
    branch.push()

    with pytest.raises(HqRefusedError) as refused:
        _client(branch).parked(after)

    assert refused.value.problem == "malformed"


def test_a_copy_is_told_nothing(branch):
    branch.push()
    old = _client(branch)
    branch.push()

    with pytest.raises(HqRefusedError) as refused:
        old.parked(0)

    assert refused.value.problem == "duplicate-node"
