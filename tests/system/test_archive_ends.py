"""Head office keeps where a branch's retained archive ended: one that was cut or written anew is found."""

import pytest
from sqlalchemy import select, text

from branch_node.archive import operations
from branch_node.archive.jobs import check
from branch_node.archive.models import ArchiveEntry, ArchiveHead
from branch_node.archive.telling import CHECK
from branch_node.archive.verification import verify
from branch_node.outbound.contacts import FILE
from branch_node.outbound.receivers import replace_earlier
from hq_server.branches.models import Branch
from hq_server.proof.alarms import BRANCH_ARCHIVE
from hq_server.proof.log_heads import find_archive, list_broken_archives
from shared.alarms.models import Alarm
from shared.audit.keyring import LogKeys
from shared.db.base import instant_text
from shared.domain.archive.chain import GENESIS
from shared.jobs.job import Progress
from shared.jobs.models import JobRun

FILES = 5


@pytest.fixture
def branch(world):
    branch = world.make_branch("B001")
    for _time in range(FILES):
        put_away(world, branch)
    assert branch.push().outcome == "done"
    return branch


def put_away(world, branch):
    """Put the file of a new customer away."""
    customer_id = branch.add_customer()
    with branch.runtime.database.sessions.begin() as session:
        operations.put_in(session, customer_id, reason="contract ended", by=world.by())


def told(world):
    """Return what head office keeps of the branch's archive."""
    with world.hq.database.reads() as session:
        found = session.scalars(select(Branch)).one()
        end = find_archive(session, found)
        assert end is not None
        return end, [one.bad for one in list_broken_archives(session, found)]


def alarms(world):
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Alarm.details).where(Alarm.code == BRANCH_ARCHIVE.code)))


def end_of(branch):
    with branch.runtime.database.reads() as session:
        head = session.scalars(select(ArchiveHead)).one()
        return head.seq, head.digest


def tamper(branch, *, end, made_by="ana"):
    """Cut the archive at `end`, and write its chain anew, as who has the database and the key file could."""
    database = branch.runtime.database
    with database.sessions.begin() as session:
        on = " ON archive_entries" if database.dialect == "postgresql" else ""
        for what in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER IF EXISTS guard_archive_entries_{what}{on}"))
        session.execute(text(f"DELETE FROM archive_entries WHERE seq > {end}"))
        session.execute(text("UPDATE archive_entries SET made_by = :who WHERE seq = 2"), {"who": made_by})
        digest = GENESIS
        for entry in session.scalars(select(ArchiveEntry).order_by(ArchiveEntry.seq)):
            entry.digest = digest = entry.linked(digest)
        session.flush()
        keys = LogKeys.of(session)
        assert keys is not None
        mac = operations.head_mac(keys, end, digest)
        session.execute(text(f"UPDATE archive_head SET seq = {end}, digest = '{digest}', mac = '{mac}'"))
    with database.reads() as session:
        assert verify(session).intact, "the node alone cannot know"


def checked(world, branch):
    """Let the night's check run at the branch."""
    at = world.clock.now()
    outcome = check(branch.runtime, world.by(), Progress())
    with branch.runtime.database.sessions.begin() as session:
        run = {"job": CHECK, "started_at": at, "ended_at": at, "holder": "h", "fencing": 1}
        session.add(JobRun(**run, outcome=outcome.kind, counts=outcome.counts))


def test_a_push_tells_how_many_files_are_retained_and_where_their_chain_ends(world, branch):
    end, broken = told(world)
    assert (end.files, (end.seq, end.digest), end.checked_at) == (FILES, end_of(branch), None)

    put_away(world, branch)
    checked(world, branch)
    branch.push()
    end, broken = told(world)
    assert (end.files, (end.seq, end.digest)) == (FILES + 1, end_of(branch))
    assert instant_text(end.checked_at) == instant_text(world.clock.now())
    assert (broken, alarms(world)) == ([], [])


def test_a_branch_without_an_archive_tells_that_it_has_none(world):
    assert world.make_branch("B002").push().outcome == "done"
    end, broken = told(world)
    assert (end.files, end.seq, end.digest, broken) == (0, 0, GENESIS, [])


def test_an_archive_that_was_cut_is_found(world, branch):
    tamper(branch, end=FILES - 2)
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": FILES, "why": "cut"}]
    assert told(world)[1] == ["cut"]


def test_an_archive_that_was_cut_and_grew_again_is_found(world, branch):
    tamper(branch, end=FILES - 2)
    for _time in range(3):
        put_away(world, branch)
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": FILES, "why": "rewritten"}]


def test_an_entry_that_was_written_anew_is_found(world, branch):
    tamper(branch, end=FILES, made_by="eve")
    branch.push()
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": FILES, "why": "rewritten"}]


def test_what_the_branch_s_own_check_found_is_told_once(world, branch):
    with branch.runtime.database.sessions.begin() as session:
        on = " ON archive_entries" if branch.runtime.database.dialect == "postgresql" else ""
        session.execute(text(f"DROP TRIGGER IF EXISTS guard_archive_entries_update{on}"))
        session.execute(text("UPDATE archive_entries SET made_by = 'eve' WHERE seq = 3"))
    for _night in range(2):
        checked(world, branch)
        branch.push()
        world.advance(days=1)
    assert alarms(world) == [{"branch": "B001", "seq": 3, "why": "broken"}]
    assert told(world)[0].bad_entry == 3


def test_a_node_that_was_restored_and_says_so_is_no_forger(world, branch):
    tamper(branch, end=FILES - 2)
    # The command puts the home back, of which the file of contacts is no part.
    (branch.runtime.settings.home.path / FILE).unlink()
    replace_earlier(branch.runtime)
    branch.push()
    end, broken = told(world)
    assert ((end.seq, end.digest), broken, alarms(world)) == (end_of(branch), [], [])
