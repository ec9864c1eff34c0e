"""Nobody writes about an erased customer any more: pages say so with words, and the database stands behind them."""

import threading

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from branch_node.billing.models import BillLine
from branch_node.billing.operations import correct_line
from branch_node.bindings import BINDINGS
from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.customers.operations import change_customer
from branch_node.customers.serving import begin_serving
from branch_node.customers.sharing import share_customer
from branch_node.erased.models import Erasure
from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known
from branch_node.personal import holds
from branch_node.personal.erasing import erase
from branch_node.personal.models import LegalHold
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.operations import write_log
from shared.audit.models import AuditEntry
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import Sender, seal_next
from sync_protocol.contract.payload import decompress
from tests.support.branch import ANA, NOON

SENDER = Sender("B001", "node", 1, "lineage")


def erase_now(sessions, customer):
    with sessions.begin() as session:
        erase(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA)


@pytest.fixture
def gone(rows, sessions):
    """(customer, bill line, account manager, another one) of somebody who was erased."""
    manager, other = rows.manager(), rows.manager()
    customer = rows.customer(manager_id=manager, name="Zhao", mobile="13912345678", status="closed")
    line = rows.bill_line(customer, remark="theirs")
    rows.work_log(manager, customer_id=customer, text="theirs")
    erase_now(sessions, customer)
    return customer, line, manager, other


def written(sessions):
    """Return everything that could have been written about somebody."""
    with sessions() as session:
        counts = [
            session.scalar(select(func.count()).select_from(model))
            for model in (BillLine, WorkLog, CustomerShare, Serving, LegalHold, AuditEntry)
        ]
        return counts, session.execute(select(Customer.__table__)).all()


def log_of(manager, customer):
    return {
        "manager_id": manager,
        "kind": WorkLogKind.CALL,
        "customer_id": customer,
        "started_at": NOON,
        "text": "x",
    }


def attempts(session, gone, seen_at):
    """Yield every way in which people write about one customer."""
    customer, line, manager, other = gone
    here = session.get_one(Customer, customer)
    by = ANA.__class__(ANA.at, ANA.actor, ANA.via, ANA.terminal, actor_id=other)
    yield lambda: change_customer(session, customer, {"name": "Zhao"}, seen_at=seen_at, by=ANA)
    yield lambda: share_customer(session, customer, other, ends_at=None, by=ANA)
    yield lambda: begin_serving(session, here, by=by)
    yield lambda: write_log(session, log_of(manager, customer), by=ANA)
    yield lambda: correct_line(
        session, line, right_minor=1, seen_minor=10_000, remark="why", booked_on=NOON.date(), by=ANA
    )
    yield lambda: holds.place(session, customer, reason="a case", ends_on=None, today=NOON.date(), by=ANA)


@pytest.mark.parametrize("way", range(6))
def test_every_way_people_write_about_one_customer_is_refused_with_words(gone, sessions, way):
    before = written(sessions)
    with sessions.begin() as session:
        seen_at = session.get_one(Customer, gone[0]).updated_at
        attempt = list(attempts(session, gone, seen_at))[way]
        with pytest.raises(CustomerErasedError):
            attempt()
    assert written(sessions) == before


def test_the_page_of_an_erased_customer_cannot_be_edited_and_the_log_form_says_why(gone, browser, sessions):
    customer = gone[0]
    assert browser.get(f"/customers/{customer}/edit").status_code == 409
    with sessions() as session:
        number = session.get_one(Customer, customer).customer_no
    before = written(sessions)
    saved = browser.send(f"/customers/{customer}", name="Zhao", seen_at="2026-03-18T04:00:00.000000Z")
    assert (saved.status_code, "was erased" in saved.text) == (409, True)
    logged = browser.send(
        "/worklogs",
        manager_id=gone[2],
        kind="call",
        started_at="2026-03-18T11:00",
        customer=number,
        text="again",
    )
    assert (logged.status_code, "was erased" in logged.text) == (400, True), logged.text
    assert written(sessions)[1] == before[1]


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Zhao"},
        {"mobile": "13912345678"},
        {"tags": ["vip"]},
        {"attributes": {"note": "x"}},
        {"remark": "x"},
        {"wechat": "x"},
        {"customer_no": "another"},
    ],
)
def test_the_database_refuses_a_personal_value_of_an_erased_customer(gone, sessions, values):
    with pytest.raises(IntegrityError, match="erased"), sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == gone[0]).values(**values))


def test_what_is_not_personal_of_an_erased_customer_and_others_still_change(gone, sessions, rows):
    stays = rows.customer()
    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == gone[0]).values(manager_id=gone[3]))
        session.execute(update(Customer).where(Customer.id == stays).values(name="Qian", mobile="1"))
    with sessions() as session:
        assert session.get_one(Customer, gone[0]).manager_id == gone[3]


def test_a_fact_about_an_erased_customer_comes_in_without_text_only(gone, rows, sessions):
    customer, line, manager, _other = gone
    rows.bill_line(customer, remark=None)
    with pytest.raises(IntegrityError, match="erased"):
        rows.bill_line(customer, remark="theirs")
    with pytest.raises(IntegrityError, match="erased"):
        rows.work_log(manager, customer_id=customer)
    with pytest.raises(IntegrityError, match="erased"), sessions.begin() as session:
        session.execute(update(BillLine).where(BillLine.id == line).values(remark="theirs again"))


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first", ["log", "erasure"])
def test_a_log_written_while_an_erasure_is_under_way_is_blank_or_refused(rows, database, first):
    manager = rows.manager()
    customer = rows.customer(manager_id=manager, name="Zhao", status="closed")
    made = {"id": new_id(), "log_no": "W1", "entered_at": NOON, "created_at": NOON, "created_by": "ana"}
    log = insert(WorkLog).values(**made, **log_of(manager, customer))

    refused = at_once(
        database,
        *in_order(
            first == "log",
            lambda session: session.execute(log),
            lambda session: erase(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA),
        ),
    )

    with database.reads() as session:
        texts = session.scalars(select(WorkLog.text).where(WorkLog.customer_id == customer)).all()
    assert (refused, texts) == ((False, ["erased"]) if first == "log" else (True, []))


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first", ["sealing", "erasure"])
def test_a_batch_sealed_while_an_erasure_is_under_way_is_waited_for_or_blank(rows, database, first):
    customer = rows.customer(name="Zhao", status="closed")

    at_once(
        database,
        *in_order(
            first == "sealing",
            lambda session: seal_next(session, BINDINGS["customer"], SENDER, at=NOON),
            lambda session: erase(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA),
        ),
    )

    with database.reads() as session:
        erasure = session.scalars(select(Erasure)).one()
        batch = session.scalars(select(OutboxBatch)).one()
    held = b"Zhao" in decompress(batch.payload, "zstd")
    assert (held, erasure.through_batch, erasure.waiting) == (
        (True, batch.id, 1) if first == "sealing" else (False, 0, 0)
    )


def in_order(as_they_are, one, other):
    return (one, other) if as_they_are else (other, one)


def at_once(database, first, second):
    """Do two things in two connections, the second before the first has committed; tell whether it was refused."""
    refused = []

    def later():
        try:
            with opened(database, second) as session, session.begin():
                second(session)
        except IntegrityError:
            refused.append(True)

    thread = threading.Thread(target=later)
    with database.sessions.begin() as session:
        first(session)
        thread.start()
        wait_for_a_lock(database)
    thread.join(30)
    return bool(refused)


def opened(database, what):
    """Sealing sees one snapshot, all else what is committed."""
    return database.snapshot() if "seal_next" in what.__code__.co_names else database.sessions()


def wait_for_a_lock(database):
    """Return once somebody waits for what another connection to this database holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    pause = threading.Event()
    for _try in range(600):
        with database.engine.connect() as connection:
            if connection.scalar(waiting):
                return
        pause.wait(0.05)
    pytest.fail("nobody waited")
