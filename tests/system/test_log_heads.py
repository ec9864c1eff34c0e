"""Head office keeps where each branch's log ended: one cut or written anew with every key at hand is found."""

import pytest
from sqlalchemy import select, text

from branch_node.outbound.contacts import FILE
from branch_node.outbound.log_head import TOLD
from branch_node.outbound.receivers import replace_earlier
from hq_server.branches.models import Branch
from hq_server.proof.alarms import BRANCH_LOG
from hq_server.proof.log_heads import find_head
from shared.alarms.models import Alarm
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditHead
from shared.audit.operations import record
from shared.audit.pending import RAW
from shared.audit.verification import verify_log
from shared.db.base import instant_text


@pytest.fixture
def branch(world):
    branch = world.make_branch("B001")
    act(world, branch, times=9)
    assert branch.push().outcome == "done"
    return branch


def act(world, branch, times=1):
    """Do something that is told."""
    with branch.runtime.database.sessions.begin() as session:
        for _time in range(times):
            record(session, "customer.viewed", subject=("customer", "c1"), by=world.by())


def alarms(world):
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Alarm.details).where(Alarm.code == BRANCH_LOG.code)))


def kept(world):
    with world.hq.database.reads() as session:
        head = find_head(session, session.scalars(select(Branch)).one())
        assert head is not None
        return head.seq, head.digest


def end_of(branch):
    with branch.runtime.database.reads() as session:
        head = session.scalars(select(AuditHead)).one()
        return head.seq, head.digest


def tamper(branch, *, end, actor=None):
    """Cut the log at `end`, or write it anew, as who has the database and the key file could."""
    with branch.runtime.database.sessions.begin() as session:
        on = " ON audit_entries" if branch.runtime.database.dialect == "postgresql" else ""
        for what in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER IF EXISTS guard_audit_entries_{what}{on}"))
        session.execute(text(f"DELETE FROM audit_entries WHERE seq > {end}"))
        if actor is not None:
            session.execute(text("UPDATE audit_entries SET actor = :who WHERE seq = 2"), {"who": actor})
        digest = GENESIS
        for row in session.execute(select(RAW).order_by(RAW.c.seq)).all():
            digest = link(digest, [(row._asdict() | {"at": instant_text(row.at)})[name] for name in FIELDS])
            session.execute(text(f"UPDATE audit_entries SET digest = '{digest}' WHERE seq = {row.seq}"))
        keys = LogKeys.of(session)
        assert keys is not None
        mac = keys.mac(end, digest)
        session.execute(text(f"UPDATE audit_head SET seq = {end}, digest = '{digest}', mac = '{mac}'"))
    with branch.runtime.database.reads() as session:
        assert verify_log(session).intact, "the node alone cannot know"


def test_the_end_of_the_log_goes_to_head_office_with_every_push_that_finds_it_grown(world, branch):
    assert kept(world) == end_of(branch)
    act(world, branch)
    branch.push()
    assert kept(world) == end_of(branch)
    assert branch.runtime.settings.home.read_lines(TOLD) == ["{} {}".format(*end_of(branch))]
    assert alarms(world) == []


def test_a_log_that_was_cut_is_found(world, branch):
    last = end_of(branch)[0]
    tamper(branch, end=last - 3)
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": last, "why": "cut"}]


def test_a_log_that_was_cut_and_grew_again_is_found(world, branch):
    last = end_of(branch)[0]
    tamper(branch, end=last - 3)
    act(world, branch, times=8)
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": last, "why": "rewritten"}]


def test_a_log_that_was_written_anew_is_found(world, branch):
    last = end_of(branch)[0]
    tamper(branch, end=last, actor="eve")
    branch.push()
    assert alarms(world) == [{"branch": "B001", "seq": last, "why": "rewritten"}]


def test_a_node_that_was_restored_and_says_so_is_no_forger(world, branch):
    last = end_of(branch)[0]
    tamper(branch, end=last - 3)
    # The command puts the home back, of which the file of contacts is no part.
    (branch.runtime.settings.home.path / FILE).unlink()
    replace_earlier(branch.runtime)
    branch.push()
    assert alarms(world) == []
    assert kept(world) == end_of(branch)
