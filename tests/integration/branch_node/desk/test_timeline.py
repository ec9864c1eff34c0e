"""A customer's line: every kind in one order, page after page without a gap, and never read whole."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, text

from branch_node.billing.models import BillLine
from branch_node.contacts.operations import add_contact, change_contact
from branch_node.customers import moves
from branch_node.customers.belonging import count_of_person
from branch_node.customers.models import Contact, Customer
from branch_node.customers.operations import change_customer
from branch_node.desk.timeline import EntryKind, Place, Topic, count_topics, list_entries
from branch_node.documents.operations import add_documents, retire
from branch_node.merging import operations as merging
from branch_node.worklogs.models import WorkLog
from shared.audit.operations import record
from shared.domain.customers.vocabulary import ValueTier
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from tests.integration.branch_node.documents.conftest import PDF, WIDE, checked
from tests.support.branch import ANA, NOON, SHANGHAI

MANY = 3_000
WHOLE = ("SCAN work_logs", "SCAN bill_lines", "Seq Scan on work_logs", "Seq Scan on bill_lines")


def walk(sessions, customer, *, kinds=(), topics=(), limit=7):
    """Return the places of every page, one after the other."""
    before, places, more = None, [], True
    while more:
        with sessions() as session:
            entries, before = list_entries(
                session,
                customer,
                kinds=kinds,
                topics=topics,
                before=before,
                timezone=SHANGHAI,
                limit=limit,
            )
        places += [entry.place for entry in entries]
        more = before is not None
        before = Place.of(before.text) if before else None
    return places


@pytest.fixture
def customer(rows, sessions):
    """Somebody with a little of every kind, much of it at one instant and on one day."""
    who, manager = rows.customer(), rows.manager()
    midnight = NOON.replace(hour=16) - timedelta(days=1)
    for number in range(12):
        rows.work_log(manager, customer_id=who, started_at=midnight if number % 2 else NOON)
        rows.bill_line(who, booked_on=date(2026, 3, 17 + number % 2))
    for tier, day in ((ValueTier.HIGH, 17), (ValueTier.LOW, 18), (ValueTier.MIDDLE, 18)):
        with sessions.begin() as session:
            moves.move(
                session, who, tier, on=date(2026, 3, day), today=date(2026, 3, 18), reason="评估", by=ANA
            )
    return who


def test_who_looked_stands_in_the_operation_log_and_not_on_the_line(customer, sessions):
    before = walk(sessions, customer)

    with sessions.begin() as session:
        record(session, "customer.viewed", subject=("customer", customer), by=ANA)
        record(session, "customer.changed", subject=("customer", customer), by=ANA)

    assert len(walk(sessions, customer)) == len(before) + 1


def test_pages_follow_each_other_without_a_gap_or_a_double(customer, sessions):
    places = walk(sessions, customer)

    assert len(places) == len({(place.kind, place.id) for place in places})
    assert places == sorted(places, key=lambda one: (one.at, one.kind, one.id), reverse=True)
    counts = {kind.value: sum(place.kind == kind for place in places) for kind in EntryKind}
    assert counts["work"] == counts["money"] == 12
    assert counts["move"] == 3
    assert counts["change"] >= 3
    assert places == walk(sessions, customer, limit=1_000)


def test_one_kind_alone_is_shown_when_asked_for(customer, sessions):
    assert {place.kind for place in walk(sessions, customer, kinds=(EntryKind.MONEY,))} == {"money"}


@pytest.fixture
def busy(customer, rows, sessions):
    """The same with every kind of work, a unit, a contact person and a document, and changes of these."""
    manager = rows.manager()
    for number, kind in enumerate(WorkLogKind):
        rows.work_log(manager, customer_id=customer, kind=kind, started_at=NOON - timedelta(hours=number))
    rows.unit(customer)
    with sessions.begin() as session:
        contact = add_contact(
            session,
            customer,
            {"name": "赵敏", "mobile": "13800138000", "standing": "key", "status": "active"},
            by=ANA,
        )
        papers = [checked(PDF, "contract.pdf")]
        document = add_documents(
            session, customer, papers, {"kind": "contract", "name": "服务合同"}, room=WIDE, by=ANA
        )[0]
        contact_id, document_id = contact.id, document.id
    with sessions.begin() as session:
        person, file = session.get_one(Contact, contact_id), session.get_one(Customer, customer)
        change_contact(
            session,
            contact_id,
            {"mobile": "13900139000"},
            seen_at=person.updated_at,
            by=replace(ANA, actor="li"),
        )
        change_customer(
            session, customer, {"remark": "新备注"}, seen_at=file.updated_at, by=replace(ANA, actor="li")
        )
        retire(session, document_id, reason="合同过期", by=replace(ANA, actor="li"))
    return customer


def test_every_entry_stands_under_one_topic_and_is_counted_there_over_all_pages(busy, sessions):
    whole = [(place.kind, place.id) for place in walk(sessions, busy)]
    by_topic = {
        topic: [(one.kind, one.id) for one in walk(sessions, busy, topics=(topic,))] for topic in Topic
    }
    with sessions() as session:
        counts = count_topics(session, busy, kinds=(), timezone=SHANGHAI)

    assert sorted(one for places in by_topic.values() for one in places) == sorted(whole)
    assert counts == {topic: len(places) for topic, places in by_topic.items()}
    assert all(counts.values())
    assert counts[Topic.VISIT] + counts[Topic.CONTACT] + len(
        [one for one in by_topic[Topic.SERVICE] if one[0] == "work"]
    ) == 12 + len(WorkLogKind)
    assert walk(sessions, busy, topics=(Topic.VISIT, Topic.MONEY), limit=5) == walk(
        sessions, busy, topics=(Topic.VISIT, Topic.MONEY), limit=1_000
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Mobile", "Remark", "Contacts made", "deleted")),
        ("zh_CN", ("手机", "备注", "联系", "删除")),
    ],
)
def test_changes_name_their_fields_in_words_and_those_of_documents_and_contact_people_are_there(
    browser, busy, language, words
):
    browser.send("/account/language", language=language)
    page = browser.get(f"/customers/{busy}/timeline").text
    line = page[page.index('<ol class="timeline"') :]

    assert "赵敏" in line
    assert "服务合同" in line
    for code in ("retire_reason", "mobile", "13900139000"):
        assert code not in line
    for word in words:
        assert word in page


def test_a_topic_of_which_there_is_nothing_is_not_offered_and_the_others_stay_in_the_address(
    browser, customer
):
    page = browser.get(f"/customers/{customer}/timeline?topic=money").text

    assert "topic=document" not in page
    assert "topic=visit" in page or "topic=contact" in page
    assert '<b>Money</b> <span class="num">12</span>' in page


def test_what_happened_with_a_file_that_was_merged_stands_on_the_line_of_the_one_that_stays(
    browser, customer, rows, sessions
):
    survivor = rows.customer()
    rows.bill_line(survivor)
    before = {(place.kind, place.id) for place in walk(sessions, customer)}
    with sessions.begin() as session:
        proposed = merging.propose(session, survivor, customer, [], by=ANA)
        merging.carry_out(session, proposed.id, by=replace(ANA, actor="li"))

    places = walk(sessions, survivor)
    assert before < {(place.kind, place.id) for place in places}
    assert places == sorted(places, key=lambda one: (one.at, one.kind, one.id), reverse=True)
    assert len(places) == len(set(places))
    assert "Middle value" in browser.get(f"/customers/{survivor}/timeline?kind=move").text
    with sessions() as session:
        counted = {one.table: count for one, count in count_of_person(session, survivor)}
    assert (counted["bill_lines"], counted["work_logs"]) == (13, 12)


def test_the_page_leads_to_older_ones_and_an_odd_address_to_the_first(browser, customer):
    page = browser.get(f"/customers/{customer}/timeline?kind=move").text
    assert "Middle value" in page
    assert "评估" in page
    for odd in ("nonsense", "2026-03-18T00:00:00+00:00_work_7", "0001-01-01T00:00:00+14:00_work_"):
        assert browser.get(f"/customers/{customer}/timeline", query_string={"before": odd}).status_code == 200


def test_ten_years_are_read_by_index_a_page_at_a_time(database, sessions, rows):
    who, other, manager = rows.customer(), rows.customer(), rows.manager()
    stamps = {"created_at": NOON, "created_by": "import"}
    logs = [
        {
            "id": new_id(),
            "log_no": f"X{number}",
            "manager_id": manager,
            "kind": "call",
            "customer_id": other if number % 3 else who,
            "started_at": NOON - timedelta(hours=8 * number),
            "text": "x",
            "entered_at": NOON,
            **stamps,
        }
        for number in range(MANY)
    ]
    lines = [
        {
            "id": new_id(),
            "bill_no": f"X{number}",
            "customer_id": other if number % 3 else who,
            "product": "宽带",
            "period": "2026-01",
            "kind": "charge",
            "amount_minor": 1,
            "currency": "CNY",
            "booked_on": date(2026, 3, 18) - timedelta(days=number // 3),
            **stamps,
        }
        for number in range(MANY)
    ]
    with sessions.begin() as session:
        session.connection().execute(insert(WorkLog), logs)
        session.connection().execute(insert(BillLine), lines)
    if database.dialect == "postgresql":  # as its own housekeeping does
        with database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))

    plans = plans_of(database, sessions, who)

    assert any("ix_work_logs_" in plan for plan in plans)
    assert any("ix_bill_lines_customer_id_booked_on" in plan for plan in plans)
    assert [plan for plan in plans if any(whole in plan for whole in WHOLE)] == []


def plans_of(database, sessions, customer):
    """Return how the database goes about each statement of a page from the middle of the line."""
    asked = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    middle = Place(NOON - timedelta(days=900), EntryKind.WORK.value, new_id())
    with sessions() as session:
        list_entries(session, customer, kinds=(), before=middle, timezone=SHANGHAI)
    event.remove(database.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.engine.connect() as connection:
        return [
            "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, parameters))
            for statement, parameters in asked
            if statement.startswith("SELECT")
        ]
