"""The retained archive: read by many, written by nobody but two people together, and proved by its chain."""

import json
from contextlib import closing
from datetime import timedelta
from sqlite3 import IntegrityError, connect

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.archive import operations, queries, unlocking
from branch_node.archive.errors import (
    ArchiveHeldError,
    EntryLockedError,
    KeptForEverError,
    NotDueError,
    NothingNewError,
    TakenOutError,
)
from branch_node.archive.models import ArchiveEntry, ArchiveHead, ArchiveUnlock
from branch_node.archive.verification import Finding, Why, verify
from branch_node.customers import moves
from branch_node.customers.models import Customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known
from branch_node.identity.models import CustomerIdentity
from branch_node.personal import holds
from branch_node.personal.erasing import erase
from branch_node.qualification.operations import Terms, apply
from branch_node.units.models import Unit
from branch_node.units.operations import record_event
from shared.domain.archive.vocabulary import EntryKind, UnlockPurpose
from shared.domain.customers.vocabulary import ValueTier
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.units.vocabulary import UnitEventKind
from shared.ids import new_id
from shared.stamp import Stamp
from shared.twoperson.errors import OwnActError
from shared.twoperson.operations import approve
from tests.integration.branch_node.archive.conftest import BEN, later
from tests.support.branch import ANA, NOON, SHANGHAI

TODAY = NOON.date()
GUARDS = ("insert", "update", "delete", "truncate")


def _verdict(sessions):
    with sessions() as session:
        return verify(session)


def _rows(sessions):
    with sessions() as session:
        return session.execute(text("SELECT * FROM archive_entries ORDER BY seq")).all()


def _without_guards(sessions, *statements):
    """Do what only who owns the database can: the guards off, the rows changed, the guards on again."""
    with sessions.begin() as session:
        if session.get_bind().dialect.name == "sqlite":
            for table in ("archive_entries", "archive_unlocks"):
                for what in GUARDS:
                    session.execute(text(f"DROP TRIGGER IF EXISTS guard_{table}_{what}"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(statement)


def test_a_file_is_read_again_as_it_was_put_away(sessions, filed):
    customer_id, entry_id = filed
    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer_id).values(name="另一个"))
    with sessions() as session:
        entry = session.get_one(ArchiveEntry, entry_id)
        content = queries.read_content(session, entry) or {}

    assert content["customer"]["name"] == "李明"
    assert content["customer"]["mobile"] == "13800000001"
    assert (entry.seq, entry.kind, entry.made_by) == (1, EntryKind.FILE, "ana")
    assert "李明" not in entry.content
    assert "13800000001" not in entry.content


def test_a_file_that_did_not_change_is_not_put_away_twice(sessions, filed):
    with pytest.raises(NothingNewError), sessions.begin() as session:
        operations.put_in(session, filed[0], reason="once more", by=later(ANA, 2))

    assert len(_rows(sessions)) == 1


def test_a_file_holds_units_moves_judgements_and_answers_as_they_were_then(sessions, rows):
    customer_id, other = rows.customer(), rows.customer()
    unit = rows.unit(customer_id, serial_no="LSV1", remark="白色")
    rows.unit(other, serial_no="LSV2")
    rows.offer_answer(customer_id, reason="续约时提出")
    rows.offer_answer(other)
    rows.question_answer(customer_id, note="希望上门更快")
    rows.question_answer(other)
    with sessions.begin() as session:
        moves.move(session, customer_id, ValueTier.HIGH, on=TODAY, today=TODAY, reason="大额", by=ANA)
        judged = apply(session, customer_id, terms=Terms(TODAY, SHANGHAI, "CNY"), by=ANA).one
    with sessions.begin() as session:
        entry_id = operations.put_in(session, customer_id, reason="contract ended", by=later(ANA, 1)).id
    with sessions.begin() as session:
        right = {"happened_on": TODAY, "text": "更换刹车片", "kind": UnitEventKind.REPAIR}
        record_event(session, unit, right, today=TODAY, by=later(ANA, 2))

    with sessions() as session:
        content = queries.read_content(session, session.get_one(ArchiveEntry, entry_id)) or {}
    assert [one["after"] for one in content["moves"]] == ["high"]
    assert [(one["id"], one["state"], one["score"]) for one in content["judgements"]] == [
        (judged.id, "proposed", judged.score)
    ]
    assert [(one["offer_code"], one["reason"]) for one in content["offers"]] == [("FIBRE", "续约时提出")]
    assert [(one["question_code"], one["score"], one["note"]) for one in content["answers"]] == [
        ("NPS", 4, "希望上门更快")
    ]
    (held,) = content["units"]
    assert (held["serial_no"], held["remark"], held["owned"][0]["until"]) == ("LSV1", "白色", None)
    assert [one["kind"] for one in held["events"]] == ["owner"]

    with sessions.begin() as session:
        again = operations.put_in(session, customer_id, reason="repaired", by=later(ANA, 3)).id
    with sessions() as session:
        content = queries.read_content(session, session.get_one(ArchiveEntry, again)) or {}
        assert [one["text"] for one in content["units"][0]["events"]] == [None, "更换刹车片"]
        assert verify(session).intact


def test_of_a_unit_sold_on_a_file_tells_what_happened_while_it_was_theirs(sessions, rows):
    customer_id, other = rows.customer(), rows.customer()
    unit = rows.unit(customer_id)
    sold, today = TODAY + timedelta(days=5), TODAY + timedelta(days=9)
    with sessions.begin() as session:
        came = {"kind": UnitEventKind.OWNER, "customer_id": other, "happened_on": sold, "text": "卖给朋友"}
        record_event(session, unit, came, today=today, by=ANA)
        mended = {"kind": UnitEventKind.REPAIR, "happened_on": today, "text": "新车主的事"}
        record_event(session, unit, mended, today=today, by=ANA)
        session.get_one(Unit, unit).remark = "新车主的备注"

    with sessions.begin() as session:
        entry_id = operations.put_in(session, customer_id, reason="contract ended", by=later(ANA, 1)).id

    with sessions() as session:
        content = queries.read_content(session, session.get_one(ArchiveEntry, entry_id)) or {}
    (held,) = content["units"]
    assert (held["owned"], held["remark"]) == (
        [{"from": TODAY.isoformat(), "until": sold.isoformat()}],
        None,
    )
    assert [one["customer_id"] for one in held["events"]] == [customer_id]
    assert "新车主" not in json.dumps(content, ensure_ascii=False)


def test_a_file_holds_units_and_answers_of_the_files_merged_into_it(sessions, rows):
    customer_id, merged = rows.customer(), rows.customer()
    unit = rows.unit(merged, remark="白色")
    answer = rows.offer_answer(merged)
    link = {"customer_id": merged, "identity_id": customer_id, "merged_at": NOON, "merged_by": "ana"}
    with sessions.begin() as session:
        session.add(CustomerIdentity(id=new_id(), **link))

    with sessions.begin() as session:
        entry_id = operations.put_in(session, customer_id, reason="contract ended", by=later(ANA, 1)).id

    with sessions() as session:
        content = queries.read_content(session, session.get_one(ArchiveEntry, entry_id)) or {}
    assert [(one["id"], one["remark"]) for one in content["units"]] == [(unit, "白色")]
    assert [one["kind"] for one in content["units"][0]["events"]] == ["owner"]
    assert [one["id"] for one in content["offers"]] == [answer]


@pytest.mark.parametrize(
    "statement",
    [
        update(ArchiveEntry).values(reason="another"),
        update(ArchiveEntry).values(content=None),
        update(ArchiveEntry).values(seq=9),
        delete(ArchiveEntry),
        text("UPDATE archive_entries SET made_by = 'nobody'"),
        text("DELETE FROM archive_entries"),
    ],
    ids=["reason", "content", "number", "delete", "raw update", "raw delete"],
)
def test_the_database_refuses_to_change_an_entry_whoever_asks(sessions, filed, statement):
    before = _rows(sessions)

    with pytest.raises(DBAPIError, match="retained archive is locked"), sessions.begin() as session:
        session.execute(statement, execution_options={"synchronize_session": False})

    assert _rows(sessions) == before
    assert _verdict(sessions).intact


@pytest.mark.parametrize("table", ["archive_entries", "archive_unlocks"])
def test_another_program_cannot_write_over_a_row_either(sessions, filed, unlock, table):
    """`INSERT OR REPLACE` removes what it meets, and by SQLite's own settings asks no trigger for that."""
    unlock(filed[1])
    engine = sessions.kw["bind"]
    if engine.dialect.name == "postgresql":
        over = {"archive_entries": "customer_no", "archive_unlocks": "asked_by"}[table]
        with sessions() as session, pytest.raises(DBAPIError, match="archive is locked"):
            session.execute(
                text(f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET {over} = 'x'")
            )
        return
    place = engine.url.database
    with closing(connect(place)) as bare:
        before = bare.execute(f"SELECT rowid, * FROM {table}").fetchall()
        names = [column[1] for column in bare.execute(f"PRAGMA table_info({table})")]
        over = ", ".join("'forged'" if name in {"customer_no", "asked_by"} else name for name in names)
        for columns, values in (
            (", ".join(names), over),
            (
                f"rowid, {', '.join(names)}",
                f"rowid, {over.replace('id, ', 'lower(hex(randomblob(16))), ', 1)}",
            ),
        ):
            with pytest.raises(IntegrityError, match="archive is locked"):
                bare.execute(f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {values} FROM {table}")
        assert bare.execute(f"SELECT rowid, * FROM {table}").fetchall() == before


def test_nothing_is_added_to_an_entry_that_is_locked(sessions, filed):
    with pytest.raises(EntryLockedError), sessions.begin() as session:
        operations.annotate(session, filed[1], text="a note", by=ANA)
    with pytest.raises(EntryLockedError), sessions.begin() as session:
        operations.correct(session, filed[1], reason="the present file", by=ANA)

    assert len(_rows(sessions)) == 1


def test_two_people_unlock_an_entry_which_is_then_noted_and_corrected_beside_itself(sessions, filed, unlock):
    before = _rows(sessions)[0]
    unlock(filed[1], later(ANA, 5))
    with sessions.begin() as session:
        operations.annotate(session, filed[1], text="第二页补上", by=later(ANA, 6))
        operations.correct(session, filed[1], reason="the name was wrong", by=later(ANA, 7))
    with sessions() as session:
        entry = session.get_one(ArchiveEntry, filed[1])
        about = [
            (each.kind, queries.read_content(session, each) or {})
            for each in queries.list_about(session, entry)
        ]

    assert [kind for kind, _content in about] == [EntryKind.NOTE, EntryKind.CORRECTION]
    assert about[0][1]["note"] == "第二页补上"
    assert about[1][1]["customer"]["name"] == "李明"
    assert _rows(sessions)[0] == before
    assert _verdict(sessions).entries == 3
    assert _verdict(sessions).intact


def test_nobody_unlocks_alone(sessions, filed):
    with sessions.begin() as session:
        act = unlocking.ask_unlock(session, filed[1], reason="a page is missing", by=ANA)
        act_id, digest = act.id, act.digest

    with pytest.raises(OwnActError), sessions.begin() as session:
        approve(session, unlocking.UNLOCK_KIND, act_id, seen=digest, eligible=lambda _kind: True, by=ANA)

    with pytest.raises(EntryLockedError), sessions.begin() as session:
        operations.annotate(session, filed[1], text="a note", by=ANA)


def test_an_entry_is_locked_again_when_its_time_is_over(sessions, filed, unlock):
    unlock(filed[1], later(ANA, 5))

    with pytest.raises(EntryLockedError), sessions.begin() as session:
        operations.annotate(session, filed[1], text="too late", by=later(ANA, 35))


def test_the_database_measures_the_time_by_its_own_clock(sessions, filed, unlock):
    unlock(filed[1], later(ANA, 5))
    with sessions() as session:
        clock_at = session.scalars(select(ArchiveUnlock.clock_at)).one()
    an_hour_ago = update(ArchiveUnlock).values(clock_at=clock_at - timedelta(hours=1))
    if _dialect(sessions) == "postgresql":
        _without_guards(sessions, an_hour_ago)
    else:
        with sessions.begin() as session:
            [made] = session.scalars(
                text("SELECT sql FROM sqlite_master WHERE name = 'guard_archive_unlocks_update'")
            )
            session.execute(text("DROP TRIGGER guard_archive_unlocks_update"))
            session.execute(an_hour_ago)
            session.connection().exec_driver_sql(made)

    # The program's clock stands still and would allow it.
    with pytest.raises(DBAPIError, match="retained archive is locked"), sessions.begin() as session:
        operations.annotate(session, filed[1], text="too late", by=later(ANA, 6))


def _dialect(sessions):
    with sessions() as session:
        return session.get_bind().dialect.name


def test_an_unlocking_is_not_made_without_an_act_of_two_nor_made_longer(sessions, filed, unlock):
    act_id = unlock(filed[1], later(ANA, 5))
    with sessions() as session:
        present = session.scalars(select(ArchiveUnlock)).one()
        values = {column.name: getattr(present, column.name) for column in ArchiveUnlock.__table__.columns}
    forged = {**values, "id": filed[0], "act_id": act_id, "entry_id": filed[1]}
    for statement in (
        update(ArchiveUnlock).values(until=NOON + timedelta(days=1)),
        update(ArchiveUnlock).values(minutes=240),
        delete(ArchiveUnlock),
        insert(ArchiveUnlock).values({**forged, "minutes": 241}),
        insert(ArchiveUnlock).values({**forged, "clock_at": values["clock_at"] + timedelta(days=1)}),
    ):
        with pytest.raises(DBAPIError, match="retained archive is locked"), sessions.begin() as session:
            session.execute(statement, execution_options={"synchronize_session": False})


def test_an_act_that_nobody_approved_unlocks_nothing(sessions, filed):
    with sessions.begin() as session:
        act = unlocking.ask_unlock(session, filed[1], reason="a page is missing", by=ANA)
        act_id = act.id
    forged = {
        "id": filed[0],
        "entry_id": filed[1],
        "purpose": UnlockPurpose.CHANGE,
        "act_id": act_id,
        "asked_by": "ana",
        "approved_by": "ben",
        "minutes": 30,
        "opened_at": NOON,
        "until": NOON + timedelta(minutes=30),
        "clock_at": NOON,
    }

    with pytest.raises(DBAPIError, match="retained archive is locked"), sessions.begin() as session:
        session.execute(insert(ArchiveUnlock).values(forged))


def _decide_removal(sessions, entry_id, by):
    with sessions.begin() as session:
        act = unlocking.ask_removal(session, entry_id, reason="kept long enough", by=by)
        act_id, digest = act.id, act.digest
    with sessions.begin() as session:
        second = Stamp(by.at, BEN.actor, BEN.via, BEN.terminal)
        approve(session, unlocking.REMOVAL_KIND, act_id, seen=digest, eligible=lambda _kind: True, by=second)


def test_nothing_is_taken_out_without_a_rule_or_before_its_time(sessions, filed, monkeypatch):
    with pytest.raises(KeptForEverError), sessions.begin() as session:
        unlocking.ask_removal(session, filed[1], reason="kept long enough", by=ANA)

    monkeypatch.setattr(queries, "keep_years", lambda _session, _now: 10)
    with pytest.raises(NotDueError), sessions.begin() as session:
        unlocking.ask_removal(session, filed[1], reason="kept long enough", by=ANA)


def test_two_people_take_out_what_was_kept_long_enough_and_the_chain_still_holds(
    sessions, filed, monkeypatch
):
    monkeypatch.setattr(queries, "keep_years", lambda _session, _now: 1)
    _decide_removal(sessions, filed[1], later(ANA, 60 * 24 * 366))
    with sessions() as session:
        entry = session.get_one(ArchiveEntry, filed[1])
        [removal] = queries.list_about(session, entry)
        assert entry.content is None

    assert (removal.kind, removal.made_by) == (EntryKind.REMOVAL, "ben")
    assert _verdict(sessions).entries == 2
    assert _verdict(sessions).intact
    with pytest.raises(TakenOutError), sessions.begin() as session:
        unlocking.ask_unlock(session, filed[1], reason="look again", by=ANA)


def test_a_legal_hold_keeps_what_two_people_would_take_out(sessions, filed, monkeypatch):
    monkeypatch.setattr(queries, "keep_years", lambda _session, _now: 1)
    with sessions.begin() as session:
        holds.place(session, filed[0], reason="court", ends_on=None, today=NOON.date(), by=ANA)

    with pytest.raises(ArchiveHeldError):
        _decide_removal(sessions, filed[1], later(ANA, 60 * 24 * 366))
    monkeypatch.setattr(queries, "is_held", lambda _session, _customer: False)
    with pytest.raises(DBAPIError, match="retained archive is locked"):
        _decide_removal(sessions, filed[1], later(ANA, 60 * 24 * 366))


def test_an_erased_person_cannot_be_read_any_more_and_the_chain_still_holds(sessions, filed):
    with sessions.begin() as session:
        session.execute(update(Customer).values(status="closed"))
    with sessions.begin() as session:
        erase(session, Known.now(filed[0], ErasureReason.REQUEST, later(ANA, 9)), by=later(ANA, 9))
    with sessions() as session:
        assert queries.read_content(session, session.get_one(ArchiveEntry, filed[1])) is None

    assert _verdict(sessions).intact
    with pytest.raises(CustomerErasedError), sessions.begin() as session:
        operations.put_in(session, filed[0], reason="once more", by=later(ANA, 10))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (update(ArchiveEntry).where(ArchiveEntry.seq == 2).values(reason="another"), Why.CHANGED),
        (update(ArchiveEntry).where(ArchiveEntry.seq == 2).values(content="QUJD"), Why.CONTENT),
        (update(ArchiveEntry).where(ArchiveEntry.seq == 2).values(content=None), Why.TAKEN),
        (delete(ArchiveEntry).where(ArchiveEntry.seq == 2), Why.MISSING),
    ],
    ids=["changed", "content", "taken", "missing"],
)
def test_what_the_owner_of_the_database_changed_is_found_and_named(sessions, rows, statement, why):
    for _each in range(3):
        customer_id = rows.customer()
        with sessions.begin() as session:
            operations.put_in(session, customer_id, reason="closed", by=later(ANA, 1))
    assert _verdict(sessions).intact

    _without_guards(sessions, statement.execution_options(synchronize_session=False))

    assert _verdict(sessions).bad == Finding(2, why)


def test_a_cut_end_and_a_forged_head_are_found(sessions, rows):
    for _each in range(2):
        customer_id = rows.customer()
        with sessions.begin() as session:
            operations.put_in(session, customer_id, reason="closed", by=later(ANA, 1))
    with sessions() as session:
        first = session.scalars(select(ArchiveEntry.digest).where(ArchiveEntry.seq == 1)).one()
    _without_guards(sessions, delete(ArchiveEntry).where(ArchiveEntry.seq == 2))

    assert _verdict(sessions).bad == Finding(2, Why.CUT)

    _without_guards(sessions, update(ArchiveHead).values(seq=1, digest=first))
    assert _verdict(sessions).bad == Finding(1, Why.HEAD)


def test_a_note_for_which_no_two_people_stand_is_found(sessions, filed, unlock):
    unlock(filed[1], later(ANA, 5))
    with sessions.begin() as session:
        operations.annotate(session, filed[1], text="a note", by=later(ANA, 6))

    _without_guards(sessions, text("UPDATE two_person_acts SET decided_by = proposed_by"))

    assert _verdict(sessions).bad == Finding(2, Why.UNLOCK)


def test_what_is_put_away_stands_in_the_operation_log_without_its_content(sessions, filed):
    with sessions() as session:
        told = session.execute(
            text("SELECT event, details FROM audit_entries WHERE event LIKE 'archive%' ORDER BY seq")
        ).all()

    assert [row.event for row in told] == ["archive.entered"]
    assert json.loads(told[0].details)["number"] == 1
