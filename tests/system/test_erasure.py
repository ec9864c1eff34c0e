"""An erased customer is gone: from every table of both tiers, their files and free pages, and after a restore too."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.billing.models import BillLine
from branch_node.customers import jobs as customer_jobs
from branch_node.customers.models import Contact, Customer
from branch_node.documents import jobs as document_jobs
from branch_node.documents.operations import Room, add_documents, retire
from branch_node.documents.sniffing import check
from branch_node.erased.models import Erasure
from branch_node.erasure.operations import Known
from branch_node.inbound.models import FeedPlace, InboundItem
from branch_node.outbound.models import RecoveredRow
from branch_node.outbound.recovered import CONFLICT
from branch_node.personal import holds
from branch_node.personal.erasing import erase as erase_customer
from branch_node.personal.finishing import before_use, keep
from branch_node.personal.finishing import finish as finish_at_branch
from branch_node.personal.jobs import carry_out_orders
from branch_node.personal.models import LegalHold
from branch_node.retention.jobs import purge_outbox
from branch_node.tables import SEARCHED
from branch_node.worklogs import jobs as work_log_jobs
from hq_server.analysis.jobs import take_in
from hq_server.branches.models import Branch
from hq_server.erasure.models import ErasureDone
from hq_server.personal import orders
from hq_server.personal.errors import OrderErasedError
from hq_server.personal.jobs import before_use as before_use_at_hq
from hq_server.personal.jobs import finish as finish_at_hq
from hq_server.replica.models import ReplicaErasure, ReplicaLegalHold
from shared.audit.models import AuditEntry, AuditKey
from shared.audit.sealing import read_sealed
from shared.audit.verification import verify_log
from shared.domain.erasure.rules import personal_columns
from shared.domain.erasure.vocabulary import ErasureReason
from shared.exports.jobs import remove_files
from shared.exports.models import Export
from shared.exports.store import ExportStore
from shared.exports.vocabulary import ExportState
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.twoperson.operations import approve
from tests.support import setbacks
from tests.support.world import BranchHere, World

# Said in every personal column of the customer, and in nothing else.
CANARY = "Canary77Xq"
KEPT = "Stays55Yp"
TODAY = date(2026, 11, 20)


def canaries() -> dict[str, Any]:
    """A customer whose every personal column holds the canary."""
    values: dict[str, Any] = {
        column.name: f"{CANARY} {column.name}"[: getattr(column.type, "length", None) or 40]
        for column in personal_columns(Customer.__table__)
    }
    return values | {"tags": [f"{CANARY} tag"], "attributes": {"note": f"{CANARY} attribute"}}


def fill(branch: BranchHere) -> str:
    """One customer full of canaries with all that is about them, and one who stays; return the first one's id."""
    manager = branch.add_manager()
    stays = branch.add_customer(name=KEPT, manager_id=manager)
    goes = branch.add_customer(**canaries(), manager_id=manager, status="closed")
    person = {column.name: f"{CANARY} {column.name}"[:10] for column in personal_columns(Contact.__table__)}
    branch.add_contact(goes, **person)
    add_document(branch, goes, CANARY)
    branch.add_bill_line(goes, remark=f"{CANARY} remark")
    branch.add_work_log(manager, goes, text=f"{CANARY} text", place=f"{CANARY} place")
    branch.add_bill_line(stays, remark=f"{KEPT} remark")
    branch.add_work_log(manager, stays, text=f"{KEPT} text")
    return goes


def add_document(branch: BranchHere, customer_id: str, said: str) -> None:
    """Keep a paper that is called `said` in every column, and says so in its bytes."""
    file = check(BytesIO(f"%PDF-1.7 {said}".encode()), f"{said}.pdf", most_mb=1)
    told = {"kind": "contract", **dict.fromkeys(("name", "number", "remark"), said)}
    with branch.runtime.database.sessions.begin() as session:
        room = Room(quota_mb=1, stored=0)
        [kept] = add_documents(session, customer_id, [file], told, room=room, by=branch.world.by())
        retire(session, kept.id, reason=f"{said} left", by=branch.world.by())


def erase(branch: BranchHere, customer_id: str) -> None:
    by = branch.world.by()
    with branch.runtime.database.sessions.begin() as session:
        erase_customer(session, Known.now(customer_id, ErasureReason.REQUEST, by), by=by)


def cells(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield (table, everything a row holds) of every table of a database."""
    quote = connection.dialect.identifier_preparer.quote
    for name in inspect(connection).get_table_names():
        for row in connection.execute(text(f"SELECT * FROM {quote(name)}")):
            yield name, repr(tuple(bytes(one) if isinstance(one, memoryview) else one for one in row))


def tables_with(runtime: Any, word: str) -> set[str]:
    with runtime.database.engine.connect() as connection:
        return {name for name, row in cells(connection) if word.casefold() in row.casefold()}


def in_files(runtime: Any) -> list[Path]:
    """Return the files of a node's home, database included, in whose bytes the canary stands."""
    runtime.database.dispose()
    spelt = [CANARY.encode(), CANARY.casefold().encode()]
    paths = [*runtime.settings.home.path.rglob("*")]
    if runtime.database.dialect == "sqlite":
        database = Path(runtime.database.engine.url.database)
        paths += [database, database.with_name(f"{database.name}-wal")]
    return [path for path in paths if path.is_file() and any(word in path.read_bytes() for word in spelt)]


def change(branch: BranchHere, customer: str, **values: Any) -> None:
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(**values))


def night(world: World, branch: BranchHere) -> None:
    """What follows by itself: search indexes, HQ's backup, the purge, and what is written over."""
    for job in (*customer_jobs.JOBS, *work_log_jobs.JOBS, *document_jobs.JOBS):
        job.run(branch.runtime, world.by(), Progress())
    take_in(world.hq, world.by(), Progress())
    setbacks.back_up_hq(world)
    branch.push()
    purge_outbox(branch.runtime, world.by(), Progress())
    finish_at_branch(branch.runtime, world.by(), Progress())
    finish_at_hq(world.hq, world.by(), Progress())


def test_an_erased_customer_is_blank_at_both_tiers_after_one_cycle_and_amounts_stay(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    assert tables_with(world.hq, CANARY) >= {"replica_customers", "replica_work_logs", "replica_bill_lines"}

    erase(branch, goes)
    branch.push()

    kept_batches = {"sync_outbox"}
    assert (
        tables_with(branch.runtime, CANARY) - kept_batches - {followed.name for followed in SEARCHED} == set()
    )
    assert tables_with(world.hq, CANARY) == set()
    assert tables_with(world.hq, KEPT) >= {"replica_customers", "replica_work_logs", "replica_bill_lines"}
    world.assert_equal()
    with branch.runtime.database.reads() as session:
        customer = session.get_one(Customer, goes)
        assert customer.name == f"erased {customer.customer_no}"
        assert customer.mobile is None
        assert (customer.tags, customer.attributes) == ([], {})
        line = session.scalars(select(BillLine).where(BillLine.customer_id == goes)).one()
        assert (line.amount_minor, line.remark) == (9_900, None)


def lay_down_an_export(runtime: Any, world: World) -> Path:
    """A file that two people let somebody fetch for a while, in which the customer stands."""
    now = world.by().at
    export = Export(
        id=new_id(),
        number="7K3M-Q9XA",
        asked_at=now,
        asked_by="wang",
        asked_by_id=new_id(),
        resource="customer",
        title="Customers",
        address="/customers/export.csv",
        form="csv",
        reason="letters",
        conditions={},
        columns=["name"],
        masked=[],
        whole=True,
        rows=2,
        state=ExportState.READY,
        expires_at=now + timedelta(hours=24),
        made_at=now,
        most_fetches=3,
    )
    store = ExportStore(runtime.settings.home)
    with store.write(export.id) as file:
        file.write(CANARY.encode())
    with runtime.database.sessions.begin() as session:
        session.add(export)
    return store.path(export.id)


def test_a_file_that_was_exported_and_still_lies_here_goes_with_the_erasure(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    files = [lay_down_an_export(node, world) for node in (branch.runtime, world.hq)]

    erase(branch, goes)
    branch.push()
    # Files are told young by the clock of their disk, which is not that of this world.
    for node, file in zip((branch.runtime, world.hq), files, strict=True):
        with node.database.reads() as session:
            assert session.scalars(select(Export.state)).all() == [ExportState.OVER]
        os.utime(file, times=(0, 0))
        remove_files(node, world.by(), Progress())
    assert not any(file.exists() for file in files)


def test_a_file_exported_after_the_erasure_stays_while_the_erasure_waits(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    erase(branch, goes)
    branch.push()
    lay_down_an_export(branch.runtime, world)

    finish_at_branch(branch.runtime, world.by(), Progress())

    with branch.runtime.database.reads() as session:
        assert session.scalars(select(Export.state)).all() == [ExportState.READY]


def test_why_a_customer_was_held_ordered_about_and_released_goes_and_that_they_were_stays(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    with world.hq.database.sessions.begin() as session:
        at = session.scalars(select(Branch)).one()
        orders.order_hold(
            session, at, goes, reason=f"{CANARY} sues", ends_on=None, today=TODAY, by=world.by()
        )
        orders.order_erasure(session, at, goes, reason=f"{CANARY} asks", by=world.by())
    branch.push()
    carry_out_orders(branch.runtime, world.by("node"), Progress())
    branch.push()
    with world.hq.database.sessions.begin() as session:
        held = session.scalars(select(ReplicaLegalHold)).one()
        act = orders.ask_release(session, held, reason=f"{CANARY} lost", by=world.by("hq-ana"))
        approve(
            session, orders.RELEASE_KIND, act.id, seen=act.digest, eligible=lambda _: True, by=world.by("li")
        )
    branch.push()
    carry_out_orders(branch.runtime, world.by("node"), Progress())
    with branch.runtime.database.sessions.begin() as session:
        by = world.by("manager-a")
        mine = holds.place(session, goes, reason=f"{CANARY} audit", ends_on=None, today=TODAY, by=by).id
        act = holds.ask_release(session, mine, reason=f"{CANARY} audited", by=by)
        approve(
            session, holds.RELEASE_KIND, act.id, seen=act.digest, eligible=lambda _: True, by=world.by("b")
        )
    branch.push()
    assert tables_with(world.hq, CANARY) >= {"replica_legal_holds", "feed_versions", "two_person_acts"}
    assert tables_with(branch.runtime, CANARY) >= {"legal_holds", "inbound_items", "two_person_acts"}

    erase(branch, goes)
    branch.push()

    assert tables_with(branch.runtime, CANARY) - {"sync_outbox", "customer_search"} == set()
    assert tables_with(world.hq, CANARY) == set()
    with branch.runtime.database.reads() as session:
        kept = session.scalars(select(LegalHold)).all()
        assert [(one.reason, one.release_reason, bool(one.placed_at)) for one in kept] == [
            ("erased", "erased", True)
        ] * 2
        assert verify_log(session).intact
    # From its beginning again, as to a branch that was set back: nothing comes back that way.
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(FeedPlace).values(seq=0, digest=""))
        session.execute(delete(InboundItem))
    branch.push()
    carry_out_orders(branch.runtime, world.by("node"), Progress())
    assert "inbound_items" not in tables_with(branch.runtime, CANARY)
    world.assert_equal()
    night(world, branch)
    for runtime in (branch.runtime, world.hq):
        assert tables_with(runtime, CANARY) == set()
        assert in_files(runtime) == []


def test_head_office_gives_no_order_about_who_was_erased(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    erase(branch, goes)
    branch.push()
    with world.hq.database.sessions.begin() as session:
        at = session.scalars(select(Branch)).one()
        with pytest.raises(OrderErasedError):
            orders.order_hold(session, at, goes, reason="why", ends_on=None, today=TODAY, by=world.by())
        with pytest.raises(OrderErasedError):
            orders.order_erasure(session, at, goes, reason="why", by=world.by())
        assert not orders.list_given(session)


def test_after_the_purge_and_the_night_nothing_is_left_in_databases_and_files(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    erase(branch, goes)
    branch.push()
    assert in_files(branch.runtime) or branch.runtime.database.dialect == "postgresql"

    night(world, branch)

    for runtime in (branch.runtime, world.hq):
        assert tables_with(runtime, CANARY) == set()
        assert in_files(runtime) == []
    with branch.runtime.database.reads() as session:
        erasure = session.scalars(select(Erasure)).one()
        assert (erasure.waiting, erasure.complete_at) == (0, world.clock.now())
    branch.push()
    with world.hq.database.reads() as session:
        assert session.scalars(select(ReplicaErasure)).one().complete_at is not None
        assert session.scalars(select(ErasureDone)).one().written_over_at is not None


def test_an_erasure_waits_while_head_office_has_no_backup_of_the_batches_from_before(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    erase(branch, goes)
    branch.push()

    purge_outbox(branch.runtime, world.by(), Progress())
    outcome = finish_at_branch(branch.runtime, world.by(), Progress())

    assert outcome.counts == {"waiting": 1}
    with branch.runtime.database.reads() as session:
        erasure = session.scalars(select(Erasure)).one()
        assert (erasure.waiting, erasure.complete_at) == (4, None)


@pytest.mark.parametrize("where", ["register", "new home"])
def test_a_branch_restored_from_an_older_backup_has_erased_them_again_before_anybody_sees(world, where):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    archive = setbacks.back_up_branch(branch)
    erase(branch, goes)
    branch.push()
    keep(branch.runtime, world.by(), Progress())
    if where == "new home":
        (branch.runtime.settings.home.path / "erasures.json").unlink()

    setbacks.restore(branch, archive)
    before_use(branch.runtime)

    if where == "register":
        assert tables_with(branch.runtime, CANARY) - {"sync_outbox", "customer_search"} == set()
    branch.push()
    branch.push()
    assert tables_with(branch.runtime, CANARY) - {"sync_outbox", "customer_search"} == set()
    assert tables_with(world.hq, CANARY) == set()
    with branch.runtime.database.reads() as session:
        assert session.scalars(select(RecoveredRow).where(RecoveredRow.state == CONFLICT)).all() == []
        assert session.scalars(select(Erasure)).one().customer_id == goes
    world.assert_equal()
    night(world, branch)
    for runtime in (branch.runtime, world.hq):
        assert tables_with(runtime, CANARY) == set()
        assert in_files(runtime) == []


def test_somebody_changed_after_the_restore_and_erased_before_is_not_offered_as_a_choice(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    archive = setbacks.back_up_branch(branch)
    erase(branch, goes)
    branch.push()
    setbacks.restore(branch, archive)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == goes).values(name=f"{CANARY} again", grade="A"))

    branch.push()
    branch.push()

    assert tables_with(branch.runtime, CANARY) - {"sync_outbox", "customer_search"} == set()
    with branch.runtime.database.reads() as session:
        assert session.scalars(select(RecoveredRow).where(RecoveredRow.state == CONFLICT)).all() == []


def test_head_office_restored_from_an_older_backup_has_erased_them_again_before_anybody_sees(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    archive = setbacks.back_up_hq(world)
    erase(branch, goes)
    branch.push()
    before_use_at_hq(world.hq)

    setbacks.set_back_hq(world, archive)
    assert "replica_customers" in tables_with(world.hq, CANARY)
    before_use_at_hq(world.hq)

    assert tables_with(world.hq, CANARY) == set()
    branch.push()
    branch.push()
    assert tables_with(world.hq, CANARY) == set()
    world.assert_equal()


def test_a_line_refused_before_the_erasure_goes_with_it_and_so_does_one_that_comes_late(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    change(branch, goes, attributes={"note": {"nested": CANARY}})
    branch.push()
    assert "parked_records" in tables_with(world.hq, CANARY)

    erase(branch, goes)
    branch.push()

    assert tables_with(world.hq, CANARY) == set()
    world.assert_equal()


def test_what_head_offices_log_has_sealed_about_them_cannot_be_read_any_more(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    branch.push()
    with world.hq.database.sessions.begin() as session:
        session.add_all(
            AuditKey(subject_type="customer", subject_id=one, wrapped="x") for one in (goes, KEPT)
        )
    erase(branch, goes)
    branch.push()
    with world.hq.database.reads() as session:
        assert session.scalars(select(AuditKey.subject_id).where(AuditKey.wrapped == "x")).all() == [KEPT]


def test_the_log_still_holds_and_says_erased_in_the_place_of_what_was_there(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    with branch.runtime.database.sessions.begin() as session:
        session.get_one(Customer, goes).mobile = "13900007777"

    erase(branch, goes)

    with branch.runtime.database.reads() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == goes)).all()
        assert [entry.event for entry in entries] == ["customer.changed", "customer.erased"]
        assert entries[0].sealed is not None
        assert read_sealed(session, entries[0]) is None
        assert entries[1].sealed is None
        assert verify_log(session).intact


def test_a_fact_lets_its_text_go_for_an_erased_customer_and_nothing_else(world):
    branch = world.make_branch("B001")
    goes = fill(branch)
    erase(branch, goes)
    for values in ({"amount_minor": 1}, {"remark": "x", "amount_minor": 1}):
        with pytest.raises(DBAPIError), branch.runtime.database.sessions.begin() as session:
            session.execute(update(BillLine).where(BillLine.customer_id == goes).values(**values))
    with pytest.raises(DBAPIError), branch.runtime.database.sessions.begin() as session:
        session.execute(update(BillLine).where(BillLine.customer_id != goes).values(remark="x"))
