"""Personal data past its term goes by itself; what is held, open, money, or to be kept never does."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from branch_node.billing.models import BillLine
from branch_node.cli import cli
from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.inbound.models import FeedPlace
from branch_node.inbound.operations import place_of, take_in
from branch_node.personal import holds, retention
from branch_node.personal import jobs as terms
from branch_node.personal.alarms import CLOCK_IN_DOUBT
from branch_node.personal.commands import foresee
from branch_node.worklogs.models import WorkLog
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.queries import find_open
from shared.audit.models import AuditEntry, AuditKey
from shared.clock import FakeClock
from shared.db.base import instant_text
from shared.db.personal import FieldClass
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.personal.keeping import CLASS_WORDS, keep_policy, months_before
from shared.ids import new_id
from shared.jobs.job import Progress
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.world import NOON, BranchHere, World

TODAY = date(2026, 11, 20)
MONTH = timedelta(days=31)
FILLED = {
    "name": "张伟",
    "id_no": "330106199001011234",
    "mobile": "13800000001",
    "phone": "0571-88880000",
    "email": "zhang@example.com",
    "wechat": "zhangwei",
    "address": "文三路 1 号",
    "remark": "喜欢晚上接电话",
}
COLUMNS = {
    FieldClass.NAME: ("name",),
    FieldClass.IDENTITY_NUMBER: ("id_no",),
    FieldClass.MOBILE: ("mobile",),
    FieldClass.PHONE: ("phone",),
    FieldClass.EMAIL: ("email",),
    FieldClass.WECHAT: ("wechat",),
    FieldClass.ADDRESS: ("address",),
    FieldClass.FREE_TEXT: ("remark",),
}


@pytest.fixture
def branch(world: World) -> BranchHere:
    """A branch that has just spoken with head office."""
    made = world.make_branch("B001")
    made.push()
    return made


def keep(branch: BranchHere, months: Mapping[FieldClass, int]) -> None:
    """Take in how long classes are kept; classes that are not named lose their policy."""
    entries = [
        FeedEntry(
            seq=1,
            id=new_id(),
            kind="policy",
            name=keep_policy(kind),
            version=1,
            withdrawn=False,
            body={"value": count},
            published_at=instant_text(NOON),
        )
        for kind, count in months.items()
    ]
    with branch.runtime.database.sessions.begin() as session:
        head = FeedPoint(seq=1, digest="0" * 64)
        take_in(session, entries, head, anew=True, by=branch.world.by())


def left(branch: BranchHere, ago: timedelta, **values: Any) -> str:
    """Add a customer who was closed so long ago, with something in every class."""
    at = NOON - ago
    return branch.add_customer(**FILLED, status="closed", updated_at=at, created_at=at, **values)


def night(branch: BranchHere) -> Mapping[str, int]:
    """Run the job of the night once."""
    return terms.keep_terms(branch.runtime, branch.world.by("node"), Progress()).counts


def customer_of(branch: BranchHere, customer: str) -> Customer:
    with branch.runtime.database.reads() as session:
        return session.get_one(Customer, customer)


def filled(branch: BranchHere, customer: str) -> set[FieldClass]:
    row = customer_of(branch, customer)
    return {kind for kind, (name,) in COLUMNS.items() if getattr(row, name) == FILLED[name]}


def test_a_class_past_its_term_goes_at_night_and_head_office_follows_while_the_others_stay(
    world: World, branch: BranchHere
):
    customer, younger = left(branch, 13 * MONTH), left(branch, 5 * MONTH)
    branch.push()
    keep(branch, {FieldClass.MOBILE: 12, FieldClass.NAME: 24, FieldClass.ADDRESS: 0})

    foreseen = foresee(branch.runtime)
    assert foreseen["by_class"] == {"mobile": 1}
    assert (foreseen["due"], foreseen["tonight"], foreseen["erased_whole"]) == (1, 1, 0)
    assert foresee(branch.runtime) == foreseen
    assert filled(branch, customer) == set(CLASS_WORDS)
    assert night(branch) == {"customers": 1, "mobile": 1}
    assert foresee(branch.runtime)["due"] == 0

    row = customer_of(branch, customer)
    assert (row.mobile, row.name, row.address, row.updated_by) == (None, "张伟", "文三路 1 号", "retention")
    assert filled(branch, younger) == set(CLASS_WORDS)
    assert night(branch) == {}
    with branch.runtime.database.sessions.begin() as session:
        session.get_one(FeedPlace, 1).digest = ""
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.blanked")).one()
        assert (entry.subject_id, entry.details["classes"]) == (customer, ["mobile"])
        assert "13800000001" not in str(entry.details) + str(entry.changes)
    branch.push()
    with world.hq.database.reads() as session:
        found = session.scalars(select(ReplicaCustomer).where(ReplicaCustomer.id == customer)).one()
        assert (found.mobile, found.name) == (None, "张伟")
    world.assert_equal()


def test_who_is_held_is_not_found_and_who_is_held_after_being_found_is_not_blanked(branch: BranchHere):
    customer = left(branch, 13 * MONTH)
    keep(branch, {FieldClass.MOBILE: 12})
    by = branch.world.by("node")
    with branch.runtime.database.sessions.begin() as session:
        retention.note_closed(session)
        kept = retention.terms(session, by.at)
        [due] = retention.find_due(session, kept, TODAY, timezone="Asia/Shanghai")
        holds.place(session, customer, reason="年度审计", ends_on=None, today=TODAY, by=by)

        assert not retention.blank(session, due, by=by)
        assert list(retention.find_due(session, kept, TODAY, timezone="Asia/Shanghai")) == []
    assert filled(branch, customer) == set(CLASS_WORDS)


def test_what_the_night_would_do_is_told_by_a_command_that_changes_nothing(branch: BranchHere):
    customer = left(branch, 13 * MONTH)
    keep(branch, {FieldClass.MOBILE: 12})
    home = ["--home", str(branch.runtime.settings.home.path)]

    # The command has the clock of this machine, which knows of no contact: then the night does nothing.
    told = CliRunner().invoke(cli, ["retention", "--dry-run", "--json", *home])
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert (document["due"], document["tonight"], document["time_certain"]) in {(1, 1, True), (1, 0, False)}
    assert "Customers past a term: 1" in CliRunner().invoke(cli, ["retention", "--dry-run", *home]).stdout
    assert CliRunner().invoke(cli, ["retention", *home]).exit_code == 2
    assert filled(branch, customer) == set(CLASS_WORDS)


def test_blanking_is_no_activity_and_what_people_do_later_is(branch: BranchHere):
    customer = left(branch, 13 * MONTH)
    keep(branch, {FieldClass.MOBILE: 12, FieldClass.NAME: 14})
    night(branch)

    branch.world.advance(days=62)
    branch.push()
    keep(branch, {FieldClass.MOBILE: 12, FieldClass.NAME: 14})
    assert night(branch) == {"customers": 1, "name": 1}
    assert customer_of(branch, customer).name == f"erased {customer_of(branch, customer).customer_no}"

    edited = left(branch, 13 * MONTH)
    with branch.runtime.database.sessions.begin() as session:
        retention.note_closed(session)
        row = session.get_one(Customer, edited)
        row.remark, row.updated_at, row.updated_by = "又来过", branch.world.clock.now(), "ana"
    assert night(branch) == {}


@pytest.mark.parametrize("trace", ["bill line", "work log"])
def test_a_term_runs_from_the_last_activity(branch: BranchHere, trace: str):
    customer = left(branch, 13 * MONTH)
    if trace == "bill line":
        branch.add_bill_line(customer, booked_on=TODAY - 2 * MONTH)
    else:
        branch.add_work_log(branch.add_manager(), customer, started_at=NOON - 2 * MONTH)
    keep(branch, {FieldClass.MOBILE: 12})

    assert night(branch) == {}
    assert FieldClass.MOBILE in filled(branch, customer)


def test_with_every_class_past_its_term_the_customer_is_erased_as_a_whole_and_the_logs_key_goes(
    branch: BranchHere,
):
    customer = left(branch, 30 * MONTH)
    log = branch.add_work_log(branch.add_manager(), customer, started_at=NOON - 30 * MONTH, text="聊了很久")
    line = branch.add_bill_line(customer, booked_on=TODAY - 30 * MONTH)
    with branch.runtime.database.sessions.begin() as session:
        session.get_one(Customer, customer).remark = "喜欢晚上接电话!"
    keep(branch, dict.fromkeys(CLASS_WORDS, 24))

    assert night(branch)["customers"] == 1

    assert filled(branch, customer) == set()
    with branch.runtime.database.reads() as session:
        assert session.get_one(WorkLog, log).text != "聊了很久"
        assert session.get_one(BillLine, line).amount_minor == 9_900
        assert session.scalars(select(Erasure.customer_id)).all() == [customer]
        assert session.scalars(select(AuditKey).where(AuditKey.subject_id == customer)).all() == []
    assert night(branch) == {}


def test_so_many_go_in_one_night_and_the_rest_in_the_next(
    branch: BranchHere, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(terms, "MOST_A_NIGHT", 3)
    monkeypatch.setattr(terms, "AT_ONCE", 2)
    for _number in range(5):
        left(branch, 13 * MONTH)
    keep(branch, {FieldClass.MOBILE: 12})

    assert [night(branch).get("customers", 0) for _night in range(3)] == [3, 2, 0]


def move(branch: BranchHere, span: timedelta) -> None:
    """Put the branch's clock elsewhere; head office's stays."""
    clock = FakeClock(branch.world.clock.now() + span)
    object.__setattr__(branch.runtime, "clock", clock)


def job_on_own_clock(branch: BranchHere) -> Mapping[str, int]:
    by = branch.world.by("node")
    object.__setattr__(by, "at", branch.runtime.clock.now())
    return terms.keep_terms(branch.runtime, by, Progress()).counts


@pytest.mark.parametrize("days", [5 * 365, -1])
@pytest.mark.parametrize("hears", [False, True], ids=["line down", "line up"])
def test_a_clock_that_jumped_ends_no_term_and_no_hold_and_people_are_told(
    branch: BranchHere, days: int, *, hears: bool
):
    customer = left(branch, timedelta(days=1))
    held = left(branch, timedelta(days=1))
    with branch.runtime.database.sessions.begin() as session:
        holds.place(session, held, reason="年度审计", ends_on=TODAY, today=TODAY, by=branch.world.by())
    move(branch, timedelta(days=days))
    if hears:
        branch.push()
    keep(branch, dict.fromkeys(CLASS_WORDS, 24))

    assert job_on_own_clock(branch) == {}

    assert filled(branch, customer) == set(CLASS_WORDS)
    with branch.runtime.database.reads() as session:
        assert holds.is_held(session, held)
        assert find_open(session, CLOCK_IN_DOUBT, terms.SUBJECT) is not None


def test_the_alarm_of_a_doubtful_clock_goes_once_head_office_has_confirmed_the_time(branch: BranchHere):
    keep(branch, {FieldClass.MOBILE: 12})
    branch.world.advance(days=3)
    night(branch)
    with branch.runtime.database.reads() as session:
        assert find_open(session, CLOCK_IN_DOUBT, terms.SUBJECT) is not None

    branch.push()
    night(branch)

    with branch.runtime.database.reads() as session:
        assert find_open(session, CLOCK_IN_DOUBT, terms.SUBJECT) is None


def test_before_head_office_was_ever_heard_the_time_is_in_doubt(world: World):
    branch = world.make_branch("B001")
    with branch.runtime.database.sessions.begin() as session:
        place_of(session)
        assert retention.certain_time(session, world.clock.now()) is None


SPECS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(list(CustomerStatus)),
        st.booleans(),
        st.none() | st.integers(0, 40),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SPECS, st.dictionaries(st.sampled_from(list(CLASS_WORDS)), st.integers(0, 36), max_size=8))
def test_nothing_held_open_kept_or_of_money_is_ever_touched_and_all_else_past_its_term_goes(
    branch: BranchHere, specs: list[Any], months: dict[FieldClass, int]
):
    world = branch.world
    made: list[tuple[str, str, bool, bool, date]] = []
    for ago, status, is_held, billed in specs:
        since = NOON - ago * MONTH
        row = {**FILLED, "status": status.value, "updated_at": since, "created_at": since}
        customer = branch.add_customer(**row)
        days = [since.date()]
        booked = TODAY - (40 if billed is None else billed) * MONTH
        line = branch.add_bill_line(customer, booked_on=booked)
        days.append(booked)
        if is_held:
            with branch.runtime.database.sessions.begin() as session:
                holds.place(session, customer, reason="年度审计", ends_on=None, today=TODAY, by=world.by())
        made.append((customer, line, is_held, status is CustomerStatus.CLOSED, max(days)))
    keep(branch, months)

    night(branch)

    for customer, line, is_held, closed, last in made:
        over = {kind for kind, count in months.items() if count and last < months_before(TODAY, count)}
        gone = over if closed and not is_held else set()
        assert filled(branch, customer) == set(CLASS_WORDS) - gone
        with branch.runtime.database.reads() as session:
            assert session.get_one(BillLine, line).amount_minor == 9_900


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
        (date(2026, 11, 20), 0, date(2026, 11, 20)),
    ],
)
def test_months_count_back_to_the_same_day_or_the_months_last(day: date, months: int, expected: date):
    assert months_before(day, months) == expected
