"""Each tier keeps where the other's log ended: one cut or written anew with every key at hand is found."""

from dataclasses import replace

import pytest
from sqlalchemy import select, text, update

from branch_node.outbound import hq_log
from branch_node.outbound.alarms import HQ_LOG
from branch_node.outbound.contacts import FILE
from branch_node.outbound.log_asking import HQ_SAYS, ask_heads
from branch_node.outbound.log_head import HQ_WHEN_TOLD, TOLD, told_heads
from branch_node.outbound.models import HqLogEnd
from branch_node.outbound.receivers import replace_earlier
from branch_node.outbound.transport import NoAnswerError
from hq_server.branches.models import Branch
from hq_server.ingest import routes
from hq_server.proof.alarms import BRANCH_LOG, OWN_LOG
from hq_server.proof.log_heads import find_head
from hq_server.proof.own_log import known_heads
from shared.alarms.models import Alarm
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditHead
from shared.audit.operations import record
from shared.audit.pending import RAW
from shared.audit.verification import Why, verify_log
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


def tamper(node, *, end, actor=None):
    """Cut the log at `end`, or write it anew, as who has the database and the key file could."""
    database = getattr(node, "runtime", node).database
    with database.sessions.begin() as session:
        on = " ON audit_entries" if database.dialect == "postgresql" else ""
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
    with database.reads() as session:
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


# --- head office's own log ------------------------------------------------------------------------


def own_alarms(world, branch):
    """Return what head office and the branch say of head office's log."""
    found = []
    for database, kind in ((world.hq.database, OWN_LOG), (branch.runtime.database, HQ_LOG)):
        with database.reads() as session:
            found.append(list(session.scalars(select(Alarm.details).where(Alarm.code == kind.code))))
    return found


def act_at_hq(world, times=1):
    with world.hq.database.sessions.begin() as session:
        for _time in range(times):
            record(session, "customer.viewed", subject=("customer", "c1"), by=world.by())


def brought_back(world):
    return [(head.seq, head.source) for head in known_heads(world.hq)]


@pytest.fixture
def witness(world, branch):
    """A branch that was shown an end of ten entries more than there were."""
    act_at_hq(world, times=10)
    branch.push()
    return branch


def last_shown(branch):
    with branch.runtime.database.reads() as session:
        return hq_log.list_ends(session)[-1].seq


def test_a_branch_keeps_the_end_of_head_office_s_log_and_brings_it_back(world, witness):
    shown = last_shown(witness)
    witness.push()
    assert brought_back(world) == [(shown, "B001")]
    for _time in range(hq_log.KEPT + 3):
        act_at_hq(world)
        witness.push()
    with witness.runtime.database.reads() as session:
        assert len(hq_log.list_ends(session)) == hq_log.KEPT
    assert own_alarms(world, witness) == [[], []]


def test_a_cut_log_of_head_office_is_found_by_the_next_contact_on_both_sides(world, witness):
    shown = last_shown(witness)
    tamper(world.hq, end=shown - 3)
    witness.push()
    told = {"branch": "B001", "seq": shown, "why": "cut"}
    assert own_alarms(world, witness) == [[told], [told]]


def test_a_log_of_head_office_that_was_cut_and_grew_again_is_found(world, witness):
    shown = last_shown(witness)
    tamper(world.hq, end=shown - 3)
    act_at_hq(world, times=8)
    witness.push()
    told = {"branch": "B001", "seq": shown, "why": "rewritten"}
    assert own_alarms(world, witness) == [[told], [told]]
    with world.hq.database.reads() as session:
        bad = verify_log(session, known=known_heads(world.hq)).bad
    assert bad is not None
    assert (bad.why, bad.source) == (Why.REWRITTEN, "B001")


def test_a_log_written_anew_at_head_office_is_found_and_told_once_a_branch(world, witness):
    shown = last_shown(witness)
    tamper(world.hq, end=shown, actor="eve")
    witness.push()
    witness.push()
    told = {"branch": "B001", "seq": shown, "why": "rewritten"}
    assert own_alarms(world, witness) == [[told], [told]]


def test_a_branch_finds_a_cut_log_though_head_office_says_nothing(world, witness, monkeypatch):
    shown = last_shown(witness)
    monkeypatch.setattr(routes, "take_witness", lambda *_args, **_options: None)
    tamper(world.hq, end=shown - 3)
    witness.push()
    assert own_alarms(world, witness)[1] == [{"branch": "B001", "seq": shown, "why": "cut"}]


def test_a_head_office_that_was_restored_is_no_forger(world, witness):
    shown = last_shown(witness)
    tamper(world.hq, end=shown - 3)
    with world.hq.database.sessions.begin() as session:
        record(session, "node.restored", subject=None, by=world.by())
    witness.push()
    witness.push()
    assert own_alarms(world, witness) == [[], []]
    with world.hq.database.reads() as session:
        assert verify_log(session, known=known_heads(world.hq)).intact


def test_an_end_that_head_office_never_signed_proves_nothing(world, witness):
    with witness.runtime.database.sessions.begin() as session:
        session.execute(update(HqLogEnd).values(digest="0" * 64))
    assert witness.push().outcome == "done"
    assert own_alarms(world, witness)[0] == []


# --- the branch compares for itself ---------------------------------------------------------------


def test_a_branch_compares_its_log_with_what_it_was_acknowledged_and_with_what_head_office_says(
    world, branch
):
    last, digest = end_of(branch)
    assert [(head.seq, head.digest) for head in told_heads(branch.runtime)] == [(last, digest)]
    assert [head.seq for head in ask_heads(branch.runtime).heads] == [last, last]
    tamper(branch, end=last - 3)
    with branch.runtime.database.reads() as session:
        offline = verify_log(session, known=told_heads(branch.runtime)).bad
    branch.runtime.settings.home.write_lines(TOLD, [])
    with branch.runtime.database.reads() as session:
        asked = verify_log(session, known=ask_heads(branch.runtime).heads).bad
    assert offline is not None
    assert asked is not None
    assert (offline.why, asked.why, asked.source) == (Why.CUT, Why.CUT, HQ_SAYS)


def test_a_branch_that_cannot_ask_says_so_and_compares_with_what_it_knows(world, branch):
    runtime = replace(branch.runtime, transport=Down())
    known = ask_heads(runtime)
    assert [head.source for head in known.heads] == [HQ_WHEN_TOLD]
    assert "lost" in known.missed


class Down:
    """A line that is down."""

    def send(self, request):
        raise NoAnswerError(reason="lost")
