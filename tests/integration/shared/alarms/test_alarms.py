from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from shared.alarms import operations, queries
from shared.alarms.errors import AlarmClosedError, AlarmNoteError, AlarmNotFoundError
from shared.alarms.models import Alarm
from shared.alarms.vocabulary import AlarmKind, Severity
from shared.audit.models import AuditEntry
from shared.db.base import Base
from shared.db.engine import Database
from shared.ids import new_id
from shared.stamp import Stamp, Via

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)
ANA = Stamp(LATER, "ana", Via.WEB, "10.0.0.1")
DISK = AlarmKind("disk-full", Severity.CRITICAL, "The disk is full", "Make room.")
SLOW = AlarmKind("line-slow", Severity.WARNING, "The line is slow", "Wait.")
HERE, THERE = ("branch", "B001"), ("branch", "B002")


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    tables = [Base.metadata.tables[name] for name in ("alarms", "audit_entries", "audit_head")]
    Base.metadata.create_all(database.engine, tables=tables)
    yield database
    database.dispose()


def _raise(database, kind=DISK, subject=HERE, *, at=NOON, **details):
    with database.sessions.begin() as session:
        return operations.raise_alarm(session, kind, subject, at=at, details=details).id


def _all(database):
    with database.reads() as session:
        return session.scalars(select(Alarm).order_by(Alarm.opened_at, Alarm.id)).all()


def test_an_alarm_raised_again_is_counted_and_tells_its_newest_details(database):
    first = _raise(database, left=7)
    again = _raise(database, at=LATER, left=3)

    (alarm,) = _all(database)
    assert again == first == alarm.id
    assert (alarm.opened_at, alarm.last_at, alarm.times) == (NOON, LATER, 2)
    assert (alarm.severity, alarm.details) == (Severity.CRITICAL, {"left": 3})


def test_each_kind_and_each_subject_has_an_alarm_of_its_own(database):
    for kind in (DISK, SLOW):
        for subject in (HERE, THERE):
            _raise(database, kind, subject)

    assert [alarm.times for alarm in _all(database)] == [1, 1, 1, 1]


def test_an_alarm_that_is_over_closes_by_itself_and_a_new_one_opens_another(database):
    _raise(database)
    with database.sessions.begin() as session:
        assert operations.clear_alarm(session, DISK, HERE, at=LATER)
        assert not operations.clear_alarm(session, DISK, HERE, at=LATER)
        assert not operations.clear_alarm(session, SLOW, HERE, at=LATER)
    _raise(database, at=LATER)

    closed, opened = _all(database)
    assert (closed.closed_at, closed.closed_by, closed.note) == (LATER, "system", None)
    assert (opened.is_open, opened.times) == (True, 1)


def test_a_person_closes_an_alarm_with_a_note_that_the_operation_log_keeps(database):
    alarm = _raise(database)
    with database.sessions.begin() as session:
        operations.close_alarm(session, alarm, note="  bought a disk ", by=ANA)

    (kept,) = _all(database)
    assert (kept.closed_at, kept.closed_by, kept.note) == (LATER, "ana", "bought a disk")
    with database.reads() as session:
        entry = session.scalars(select(AuditEntry)).one()
    assert (entry.event, entry.subject_id, entry.actor) == ("alarm.closed", alarm, "ana")
    assert entry.details == {"code": "disk-full", "about": ["branch", "B001"], "note": "bought a disk"}


@pytest.mark.parametrize("note", ["", "  ok  ", "x" * 501])
def test_an_alarm_is_not_closed_without_a_word_of_what_was_done(database, note):
    alarm = _raise(database)
    with pytest.raises(AlarmNoteError), database.sessions.begin() as session:
        operations.close_alarm(session, alarm, note=note, by=ANA)

    assert _all(database)[0].is_open


def test_a_closed_alarm_and_one_that_never_was_cannot_be_closed(database):
    alarm = _raise(database)
    with database.sessions.begin() as session:
        operations.close_alarm(session, alarm, note="bought a disk", by=ANA)
    with pytest.raises(AlarmClosedError), database.sessions.begin() as session:
        operations.close_alarm(session, alarm, note="bought another", by=ANA)
    with pytest.raises(AlarmNotFoundError), database.sessions.begin() as session:
        operations.close_alarm(session, new_id(), note="bought a disk", by=ANA)

    assert _all(database)[0].note == "bought a disk"


def test_critical_alarms_come_first_then_the_latest(database):
    _raise(database, SLOW, HERE, at=LATER)
    _raise(database, DISK, HERE, at=NOON)
    _raise(database, DISK, THERE, at=LATER)
    with database.sessions.begin() as session:
        _gone = operations.raise_alarm(session, SLOW, THERE, at=NOON)
        operations.clear_alarm(session, SLOW, THERE, at=LATER)

    with database.reads() as session:
        found = [(one.code, one.subject_id) for one in queries.list_open(session)]
        critical = queries.list_open(session, severity=Severity.CRITICAL)
        closed = session.scalars(queries.closed_alarms()).all()
        assert queries.count_open(session) == 3
        assert queries.find_open(session, SLOW, THERE) is None
        assert queries.find_open(session, SLOW, HERE) is not None
    assert found == [("disk-full", "B002"), ("disk-full", "B001"), ("line-slow", "B001")]
    assert len(critical) == 2
    assert [(one.code, one.subject_id) for one in closed] == [("line-slow", "B002")]


def test_processes_that_raise_one_alarm_at_once_share_the_row(database):
    together = Barrier(4)

    def work(_number):
        for _time in range(5):
            together.wait(30)
            _raise(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert [(alarm.times, alarm.is_open) for alarm in _all(database)] == [(20, True)]
