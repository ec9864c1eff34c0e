"""What the archive does by itself: closed customers are put away, time is over, the chain is read at night."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.archive import jobs, operations, queries
from branch_node.archive.errors import EntryLockedError
from branch_node.archive.models import ArchiveEntry, ArchiveUnlock
from branch_node.archive.verification import verify
from branch_node.cli import cli
from branch_node.customers.models import Customer
from shared.alarms.queries import count_open
from shared.domain.archive.keeping import USUAL_UNLOCK_MINUTES
from shared.domain.customers.vocabulary import CustomerStatus
from shared.errors import BranchlineError
from shared.jobs.job import Progress
from shared.jobs.vocabulary import RunOutcome
from shared.rights.vocabulary import Duty
from tests.integration.branch_node.archive.conftest import later
from tests.support.branch import ANA


def _run(app, job, minutes=0):
    return job(app.extensions["branchline"], later(ANA, minutes), Progress())


DAY = 60 * 24


def test_a_customer_closed_for_a_month_is_put_away_once(sessions, rows, app):
    closed = rows.customer(status=CustomerStatus.CLOSED)
    rows.customer()

    assert _run(app, jobs.put_away, 29 * DAY).kind is RunOutcome.NOTHING
    assert _run(app, jobs.put_away, 31 * DAY).counts == {"files": 1}
    assert _run(app, jobs.put_away, 32 * DAY).kind is RunOutcome.NOTHING
    with sessions() as session:
        entry = session.scalars(select(ArchiveEntry)).one()
        content = queries.read_content(session, entry) or {}

    assert entry.customer_id == closed
    assert entry.reason == jobs.CLOSED
    assert content["customer"]["status"] == "closed"


def test_head_office_says_after_how_many_days_and_nothing_by_itself_with_none(
    sessions, rows, app, monkeypatch
):
    rows.customer(status=CustomerStatus.CLOSED)
    monkeypatch.setattr(queries, "policy", lambda _session, _name, now: 0)
    assert _run(app, jobs.put_away, 400 * DAY).kind is RunOutcome.NOTHING

    monkeypatch.setattr(queries, "policy", lambda _session, _name, now: 3)
    assert _run(app, jobs.put_away, 4 * DAY).counts == {"files": 1}


def test_the_record_says_when_the_time_was_over(sessions, filed, unlock, app):
    unlock(filed[1], later(ANA, 5))

    assert _run(app, jobs.relock, 34).kind is RunOutcome.NOTHING
    assert _run(app, jobs.relock, 40).counts == {"locked": 1}
    with sessions() as session:
        unlocked = session.scalars(select(ArchiveUnlock)).one()

    assert unlocked.closed_at == ANA.at + timedelta(minutes=40)
    assert unlocked.until == ANA.at + timedelta(minutes=35)


def test_the_night_raises_an_alarm_for_a_changed_archive_and_ends_it(sessions, filed, app):
    assert _run(app, jobs.check).counts == {"entries": 1, "bad": 0}
    with sessions.begin() as session:
        _guards(session, on=False)
        session.execute(text("UPDATE archive_entries SET made_by = 'nobody'"))
        _guards(session, on=True)

    assert _run(app, jobs.check).counts == {"entries": 0, "bad": 1, "first_bad": 1}
    with sessions() as session:
        assert count_open(session) == 1
    with sessions.begin() as session:
        _guards(session, on=False)
        session.execute(text("UPDATE archive_entries SET made_by = 'ana'"))
        _guards(session, on=True)
    assert _run(app, jobs.check).counts == {"entries": 1, "bad": 0}
    with sessions() as session:
        assert count_open(session) == 0


def _guards(session, *, on):
    """Do what only who owns the database can."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL session_replication_role = {'origin' if on else 'replica'}"))
    elif not on:
        session.execute(text("DROP TRIGGER IF EXISTS guard_archive_entries_update"))


def test_the_command_says_intact_or_names_the_first_bad_entry(sessions, filed, app):
    home = str(app.extensions["branchline"].settings.home.path)
    good = CliRunner().invoke(cli, ["verify-archive", "--home", home, "--json"])
    with sessions.begin() as session:
        _guards(session, on=False)
        session.execute(text("UPDATE archive_entries SET made_by = 'nobody'"))
    bad = CliRunner().invoke(cli, ["verify-archive", "--home", home, "--json"])

    assert (good.exit_code, json.loads(good.stdout)["intact"]) == (0, True)
    assert bad.exit_code == 2
    assert json.loads(bad.stdout)["bad"] == {"seq": 1, "why": "changed"}


@pytest.fixture
def keeper(make_user, sign_in):
    """A browser of a branch manager who keeps the archive: who may most."""
    make_user("keeper", duties=[Duty.ARCHIVE_KEEPER])
    return sign_in("keeper")


EVERY = [
    *(
        "change",
        "close",
        "put",
        "note",
        "correct",
        "update",
        "delete",
        "truncate",
        "unlock_row",
        "relock",
        "night",
    ),
    *("page:notes", "page:corrections", "page:lock", "page:removal"),
]
# With what opens an entry, and what shuts it again: a lock by hand, and time alone.
WITH_UNLOCKING = [*EVERY, "unlock", "lock", "wait"]
ATTEMPTS = st.lists(st.sampled_from(WITH_UNLOCKING), max_size=12)
LONG = USUAL_UNLOCK_MINUTES + 1


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(attempts=ATTEMPTS)
@example(attempts=EVERY)
@example(attempts=["unlock", "wait", *EVERY])
@example(attempts=["unlock", "lock", *EVERY])
@example(
    attempts=["unlock", "note", "correct", "page:notes", "wait", "note", "unlock", "note", "update", "delete"]
)
def test_what_lies_in_the_archive_never_changes_and_nothing_is_added_to_it_but_while_it_is_unlocked(
    sessions, rows, app, clock, keeper, unlock, attempts
):
    customer_id = rows.customer()
    first = later(ANA, int((clock.now() - ANA.at) / timedelta(minutes=1)))
    with sessions.begin() as session:
        entry_id = operations.put_in(session, customer_id, reason="contract ended", by=first).id
    open_until, stood = None, _lies(sessions, customer_id)

    for attempt in attempts:
        clock.advance(timedelta(minutes=LONG if attempt == "wait" else 1))
        by = later(first, int((clock.now() - first.at) / timedelta(minutes=1)))
        is_open = open_until is not None and by.at < open_until
        try:
            if attempt == "unlock":
                unlock(entry_id, by)
                open_until = by.at + timedelta(minutes=USUAL_UNLOCK_MINUTES)
            elif attempt.startswith("page:"):
                said = {"reason": "the present file", "text": "a note"}
                keeper.send(f"/archive/{entry_id}/{attempt.removeprefix('page:')}", **said)
            elif attempt != "wait":
                _try(sessions, app, attempt, customer_id, entry_id, by)
        except (DBAPIError, BranchlineError):
            pass
        if attempt == "lock":
            open_until = None

        lies = _lies(sessions, customer_id)
        assert lies[: len(stood)] == stood
        assert is_open or {row.kind for row in lies[len(stood) :]} <= {"file"}
        stood = lies
    with sessions() as session:
        assert verify(session).intact


def _lies(sessions, customer_id):
    with sessions() as session:
        of = bindparam("of", customer_id, ArchiveEntry.customer_id.type)
        every = text("SELECT * FROM archive_entries WHERE customer_id = :of ORDER BY seq").bindparams(of)
        return session.execute(every).all()


def _try(sessions, app, attempt, customer_id, entry_id, by):
    if attempt in ("relock", "night"):
        job = jobs.relock if attempt == "relock" else jobs.put_away
        job(app.extensions["branchline"], by, Progress())
        return
    with sessions.begin() as session:
        if attempt in ("change", "close"):
            customer = session.get_one(Customer, customer_id)
            customer.remark = f"changed {by.at}"
            customer.status = CustomerStatus.CLOSED if attempt == "close" else customer.status
            customer.touch(by)
        elif attempt in AS_STAFF:
            AS_STAFF[attempt](session, customer_id, entry_id, by)
        else:
            session.execute(_past_the_program(session, attempt, entry_id))


AS_STAFF = {
    "put": lambda session, of, _entry, by: operations.put_in(session, of, reason="once more", by=by),
    "note": lambda session, _of, entry, by: operations.annotate(session, entry, text="a note", by=by),
    "correct": lambda session, _of, entry, by: operations.correct(
        session, entry, reason="the present file", by=by
    ),
    "lock": lambda session, _of, entry, by: operations.lock(session, entry, by=by),
}


def _past_the_program(session, attempt, entry_id):
    """Return what somebody tries who has the node's own login to the database."""
    if attempt == "truncate" and session.get_bind().dialect.name == "postgresql":
        return text("TRUNCATE archive_entries CASCADE")
    if attempt in ("delete", "truncate"):
        return delete(ArchiveEntry).where(ArchiveEntry.id == entry_id)
    if attempt == "update":
        return update(ArchiveEntry).where(ArchiveEntry.id == entry_id).values(made_by="nobody")
    return update(ArchiveEntry).values(unlock_id=entry_id, of_id=entry_id, kind="note")


@pytest.mark.parametrize("minutes", [1, 240])
def test_an_entry_locked_by_hand_is_locked_whatever_time_is_left(
    sessions, filed, unlock, minutes, monkeypatch
):
    monkeypatch.setattr(queries, "unlock_minutes", lambda _session, _now: minutes)
    unlock(filed[1], later(ANA, 5))
    with sessions.begin() as session:
        operations.lock(session, filed[1], by=later(ANA, 5))

    with pytest.raises(EntryLockedError), sessions.begin() as session:
        operations.annotate(session, filed[1], text="a note", by=later(ANA, 5))
