"""Whatever is done to the log behind the program's back is found, and the first bad entry is named."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, text

from shared.audit import operations
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import CARRIED, LogKeys
from shared.audit.models import AuditEntry, AuditHead
from shared.audit.pending import RAW
from shared.audit.verification import Finding, Head, Why, verify_log
from shared.config import Home
from shared.db.base import Base, instant_text
from shared.db.engine import Database
from shared.stamp import Stamp, Via

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
LENGTH = 1000
# How many entries each column is edited in; with --hypothesis-profile explore it is every character of every one.
SAMPLED = 6
TEXTS = [name for name in (*FIELDS, "digest") if name not in {"seq", "at", "id", "actor_id", "manager_id"}]


@pytest.fixture
def thorough(pytestconfig):
    return pytestconfig.getoption("--hypothesis-profile") == "explore"


@pytest.fixture
def log(database_url, tmp_path):
    """A log of 1,000 entries of all shapes, without its triggers."""
    home = Home(tmp_path / "home")
    home.create()
    database = Database(database_url, carried={CARRIED: LogKeys(home)})
    Base.metadata.create_all(database.engine, tables=[each.__table__ for each in (AuditEntry, AuditHead)])  # type: ignore[misc]
    with database.sessions.begin() as session:
        for number in range(LENGTH):
            _tell(session, number)
    yield database
    database.dispose()


def _tell(session, number):
    who = "0190a000-0000-7000-8000-00000000000a" if number % 3 else None
    by = Stamp(NOON + timedelta(seconds=number), f"ana{number % 7}", Via.WEB, "10.0.0.1", who, who)
    subject = ("customer", f"c{number}") if number % 5 else None
    operations.record(
        session, "customer.changed", subject=subject, by=by, details={"名": ["王", None, number]}
    )


def found(database, edit, values=None, known=()):
    """Do something to the table, look at the log, and take it back."""
    with database.sessions() as session:
        session.execute(text(edit), values or {})
        verdict = verify_log(session, known=known)
        session.rollback()
    return verdict.bad


def test_a_log_nobody_touched_is_intact(log):
    with log.reads() as session:
        verdict = verify_log(session, known=[_head(log, 10), _head(log, LENGTH)])
    assert (verdict.intact, verdict.entries) == (True, LENGTH)


@pytest.mark.parametrize("column", TEXTS)
def test_every_edited_character_is_found_and_its_entry_named(log, thorough, column):
    chance = Random(column)
    numbers = range(1, LENGTH + 1) if thorough else chance.sample(range(1, LENGTH + 1), SAMPLED)
    for seq in numbers:
        with log.reads() as session:
            was = session.execute(text(f"SELECT {column} FROM audit_entries WHERE seq = {seq}")).scalar()
        places = range(len(was or "-")) if thorough else [chance.randrange(len(was or "-"))]
        for place in places:
            now = "x" if was is None else was[:place] + chr(ord(was[place]) ^ 1) + was[place + 1 :]
            edit = f"UPDATE audit_entries SET {column} = :now WHERE seq = {seq}"
            assert found(log, edit, {"now": now}) == Finding(seq, Why.CHANGED), (seq, place)


@pytest.mark.parametrize("column", ["actor_id", "manager_id", "id"])
def test_another_id_in_an_entry_is_found(log, column):
    now = "0190a000-0000-7000-8000-00000000000b"
    for seq in (1, 3, 500, LENGTH):
        edit = f"UPDATE audit_entries SET {column} = :now WHERE seq = {seq}"
        assert found(log, edit, {"now": now}) == Finding(seq, Why.CHANGED)


def test_another_time_in_an_entry_is_found(log):
    sqlite = log.dialect == "sqlite"
    for seq in (1, 500, LENGTH):
        later = "replace(at, '.000000Z', '.000001Z')" if sqlite else "at + interval '1 microsecond'"
        assert found(log, f"UPDATE audit_entries SET at = {later} WHERE seq = {seq}") == Finding(
            seq, Why.CHANGED
        )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", ["X'ff'", "CAST(X'ff' AS TEXT)", "CAST(actor AS BLOB)", "17"])
def test_what_is_no_text_any_more_is_found(log, what):
    assert found(log, f"UPDATE audit_entries SET actor = {what} WHERE seq = 77") == Finding(77, Why.CHANGED)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_bytes_that_would_be_hashed_as_the_text_they_stand_for_are_found(log):
    spelled = b64decode("ana6").hex()  # who did entry 77, read as base64
    edit = f"UPDATE audit_entries SET actor = X'{spelled}' WHERE seq = 77"
    assert found(log, edit) == Finding(77, Why.CHANGED)


def test_every_removed_entry_is_found(log, thorough):
    numbers = range(1, LENGTH) if thorough else Random(1).sample(range(1, LENGTH), 20)
    for seq in numbers:
        assert found(log, f"DELETE FROM audit_entries WHERE seq = {seq}") == Finding(seq, Why.MISSING)


def test_every_cut_end_is_found(log):
    for last in (0, 1, 500, LENGTH - 1):
        assert found(log, f"DELETE FROM audit_entries WHERE seq > {last}") == Finding(last + 1, Why.CUT)


def test_an_entry_that_was_given_another_number_is_missing_at_its_own(log):
    for seq in (1, 500, LENGTH):
        assert found(log, f"UPDATE audit_entries SET seq = 5000 WHERE seq = {seq}") == Finding(
            seq, Why.MISSING
        )
        assert found(log, f"UPDATE audit_entries SET seq = -{seq} WHERE seq = {seq}") is not None


def test_every_swap_of_neighbours_is_found(log, thorough):
    numbers = (
        range(1, LENGTH) if thorough else [1, 2, *Random(2).sample(range(3, LENGTH - 2), 10), LENGTH - 1]
    )
    for seq in numbers:
        with log.sessions() as session:
            for was, now in ((seq, 0), (seq + 1, seq), (0, seq + 1)):
                session.execute(text(f"UPDATE audit_entries SET seq = {now} WHERE seq = {was}"))
            verdict = verify_log(session)
            session.rollback()
        assert verdict.bad == Finding(seq, Why.SWAPPED)


def test_an_end_cut_together_with_its_head_needs_the_key_file(log):
    digest = _head(log, 600).digest
    with log.sessions() as session:
        session.execute(text("DELETE FROM audit_entries WHERE seq > 600"))
        session.execute(text("UPDATE audit_head SET seq = 600, digest = :digest"), {"digest": digest})
        verdict = verify_log(session)
        session.rollback()
    assert verdict.bad == Finding(600, Why.HEAD)


def test_a_head_that_somebody_else_kept_shows_a_cut_made_with_the_key(log):
    kept, before = _head(log, LENGTH), _head(log, 900)
    with log.sessions() as session:
        _put_back(session, before)
        alone = verify_log(session)
        compared = verify_log(session, known=[kept])
        session.rollback()
    assert alone.intact
    assert compared.bad == Finding(901, Why.CUT, "hq")


def test_a_history_written_anew_with_the_key_is_found_by_a_head_that_somebody_else_kept(log):
    known = [_head(log, 400), _head(log, 800)]
    with log.sessions() as session:
        session.execute(text("UPDATE audit_entries SET actor = 'eve' WHERE seq = 700"))
        _chain_anew(session)
        alone = verify_log(session)
        compared = verify_log(session, known=known)
        session.rollback()
    assert alone.intact
    assert compared.bad == Finding(401, Why.REWRITTEN, "hq")


def _head(database, seq):
    with database.reads() as session:
        digest = session.scalars(select(AuditEntry.digest).where(AuditEntry.seq == seq)).one()
    return Head(seq, digest, "hq")


def _put_back(session, head):
    """Set the log back as one who holds the key could."""
    session.execute(text(f"DELETE FROM audit_entries WHERE seq > {head.seq}"))
    keys = LogKeys.of(session)
    assert keys is not None
    mac = keys.mac(head.seq, head.digest)
    edit = text("UPDATE audit_head SET seq = :seq, digest = :digest, mac = :mac")
    session.execute(edit, {"seq": head.seq, "digest": head.digest, "mac": mac})


def _chain_anew(session):
    digest = GENESIS
    changed = []
    for row in session.execute(select(RAW).order_by(RAW.c.seq)).all():
        values = row._asdict() | {"at": instant_text(row.at)}
        digest = link(digest, [values[name] for name in FIELDS])
        changed.append({"seq": row.seq, "digest": digest})
    session.execute(text("UPDATE audit_entries SET digest = :digest WHERE seq = :seq"), changed)
    _put_back(session, Head(LENGTH, digest))
