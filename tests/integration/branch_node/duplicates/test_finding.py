"""The finder's work by the hour: what it finds, what it asks again, and what it leaves alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from branch_node.customers.models import Customer
from branch_node.duplicates import operations, queries
from branch_node.duplicates.models import DuplicateFile, DuplicateKey, DuplicatePair
from branch_node.duplicates.queries import PairNotFoundError
from shared.audit.models import AuditEntry
from shared.domain.duplicates import blocking
from shared.domain.duplicates.blocking import MOST_SHARING
from shared.domain.duplicates.features import features_of
from shared.domain.duplicates.vocabulary import PairState
from shared.ids import new_id
from tests.support.branch import ANA, NOON

LATER = replace(ANA, at=NOON + timedelta(days=1), actor="li")
WANG = {"name": "王小明", "mobile": "13800138000", "id_no": "330106199003074512"}


@pytest.fixture
def two(rows):
    one = rows.customer(**WANG)
    rows.customer(name="赵子龙", mobile="13911112222")
    return one, rows.customer(**WANG | {"name": "王晓明", "id_no": None})


def test_two_files_of_one_person_are_found_with_what_agrees(two, look, pairs):
    outcome = look()

    (pair,) = pairs()
    assert (pair.one_id, pair.other_id, pair.state) == (*two, PairState.OPEN)
    assert {name for name, level in pair.levels.items() if level in {"same", "close"}} == {"name", "phone"}
    assert pair.score == 1500
    assert outcome.counts == {"compared": 3, "pairs": 1}


def test_only_files_that_changed_are_looked_at_again(two, look, pairs, sessions):
    look()
    assert not look().counts

    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == two[0]).values(remark="called"))
    assert not look().counts

    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == two[1]).values(mobile="13700000000"))
    assert look().counts == {"compared": 1, "pairs": 0}
    assert pairs() == []


def test_what_was_decided_is_asked_again_only_when_a_file_has_changed(two, look, pairs, sessions):
    look()
    with sessions.begin() as session:
        operations.decide(session, pairs()[0].id, PairState.DIFFERENT, by=LATER)
        # The finder looks again at a file that is as it was: other weights, a restored backup.
        session.execute(delete(DuplicateFile).where(DuplicateFile.customer_id == two[0]))
    look(LATER)
    (pair,) = pairs()
    assert (pair.state, pair.decided_by, pair.decided_at) == (PairState.DIFFERENT, "li", LATER.at)

    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == two[0]).values(address="文三路1号"))
    look(LATER)
    (pair,) = pairs()
    assert (pair.state, pair.decided_by) == (PairState.OPEN, None)


def test_a_decision_stands_in_the_log_with_both_files(two, look, pairs, sessions):
    look()
    with sessions.begin() as session:
        operations.decide(session, pairs()[0].id, PairState.LATER, by=LATER)

    with sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "duplicate.decided")).one()
    assert (entry.subject_id, entry.details["other"], entry.details["decision"]) == (*two, "later")


def test_a_pair_that_is_gone_is_said_to_be(sessions):
    with sessions.begin() as session, pytest.raises(PairNotFoundError):
        operations.decide(session, new_id(), PairState.SAME, by=ANA)


def test_whoever_is_entered_again_is_named_the_likeliest_first(rows, look, sessions):
    manager = rows.manager(name="陈经理")
    wang = rows.customer(**WANG, manager_id=manager)
    rows.customer(name="王小明", mobile="13800138000", id_no="330106198502011238")
    look()

    with sessions() as session:
        hits = queries.find_like(session, {"kind": "individual", **WANG, "name": "王晓明"})
        none = queries.find_like(session, {"kind": "individual", **WANG}, besides=wang)
    assert (hits[0].customer.id, hits[0].manager_name, hits[0].verdict.probable) == (wang, "陈经理", True)
    assert wang not in {hit.customer.id for hit in none}


def test_a_number_that_a_whole_market_shares_brings_nobody_together(rows, look, sessions, monkeypatch):
    monkeypatch.setattr(queries, "MOST_SHARING", 3)
    for name in ("赵一", "钱二", "孙三", "李四"):
        rows.customer(
            name=name, phone="0571-88880000", id_no=f"33010619900307{len(name)}{ord(name[0]) % 1000:03}"
        )
    look()

    with sessions() as session:
        met = queries.candidates(session, {"": blocking.keys_of(features_of({"phone": "88880000"}))})
    assert met == {}


def test_a_placeholder_that_very_many_have_for_a_number_brings_nobody_together(rows, look, sessions):
    for number in range(3 * MOST_SHARING):
        rows.customer(name=f"客户{number}", phone="00000000")
    look()
    with sessions() as session:
        shared = func.count(DuplicateKey.customer_id)
        most = session.scalars(select(shared).group_by(DuplicateKey.key).order_by(shared.desc())).first()
        met = queries.candidates(session, {"": blocking.keys_of(features_of({"phone": "00000000"}))})
    assert (most, met) == (3 * MOST_SHARING, {})


def test_pairs_are_the_same_however_few_are_read_and_written_at_a_time(
    rows, look, pairs, sessions, monkeypatch
):
    for number in range(12):
        rows.customer(**WANG | {"address": f"文三路{number}号"})
    rows.customer(name="赵子龙", mobile="13911112222")
    look()
    wanted = {(pair.one_id, pair.other_id): (pair.score, pair.levels) for pair in pairs()}
    with sessions.begin() as session:
        for table in (DuplicateFile, DuplicateKey, DuplicatePair):
            session.execute(delete(table))

    for module, name in ((operations, "FILES"), (operations, "PAIRS"), (queries, "CHUNK")):
        monkeypatch.setattr(module, name, 3)
    outcome = look()

    assert len(wanted) == 12 * 11 // 2
    assert {(pair.one_id, pair.other_id): (pair.score, pair.levels) for pair in pairs()} == wanted
    assert outcome.counts == {"compared": 13, "pairs": len(wanted)}


def test_of_many_pairs_those_still_alike_keep_what_was_decided_and_the_others_go(
    rows, look, pairs, sessions, monkeypatch
):
    for module, name in ((operations, "PAIRS"), (operations, "CHUNK"), (queries, "CHUNK")):
        monkeypatch.setattr(module, name, 2)
    people = [rows.customer(**WANG) for _ in range(5)]
    look()
    with sessions.begin() as session:
        for pair in pairs():
            operations.decide(session, pair.id, PairState.DIFFERENT, by=LATER)
        session.execute(delete(DuplicateFile))
        somebody_else = {"name": "赵子龙", "mobile": "13911112222", "id_no": "440106198502011238"}
        session.execute(update(Customer).where(Customer.id == people[0]).values(**somebody_else))
    look(LATER)

    left = pairs()
    assert {pair.state for pair in left} == {PairState.DIFFERENT}
    assert len(left) == 4 * 3 // 2
    assert not any(people[0] in {pair.one_id, pair.other_id} for pair in left)


def test_an_erased_customer_leaves_nothing_with_the_finder(two, look, pairs, sessions):
    look()
    with sessions.begin() as session:
        assert operations.forget(session, two[0]) > 2

    with sessions() as session:
        for table, column in ((DuplicateKey, "customer_id"), (DuplicateFile, "customer_id")):
            left = select(func.count()).select_from(table).where(getattr(table, column) == two[0])
            assert session.scalar(left) == 0
        assert session.scalar(select(func.count()).select_from(DuplicatePair)) == 0
