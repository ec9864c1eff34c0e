"""A customer's line: every kind in one order, page after page without a gap, and never read whole."""

import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import pytest
from sqlalchemy import event, insert, text

from branch_node.billing.models import BillLine
from branch_node.contacts.operations import add_contact, change_contact
from branch_node.customers import moves
from branch_node.customers.belonging import count_of_person
from branch_node.customers.models import Contact, Customer, Serving
from branch_node.customers.operations import change_customer
from branch_node.desk.timeline import (
    OPENS,
    PAGE,
    EntryKind,
    Place,
    Topic,
    count_topics,
    line_of,
    list_entries,
)
from branch_node.documents.operations import add_documents, retire
from branch_node.merging import operations as merging
from branch_node.worklogs.models import WorkLog
from shared.audit.operations import record
from shared.domain.customers.vocabulary import LifecycleStage, ValueTier
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from shared.rights import policy
from shared.rights.vocabulary import Duty, StaffKind
from tests.integration.branch_node.documents.conftest import PDF, WIDE, checked
from tests.support.branch import ANA, NOON, SHANGHAI

MANY = 3_000
WHOLE = ("SCAN work_logs", "SCAN bill_lines", "Seq Scan on work_logs", "Seq Scan on bill_lines")


def walk(sessions, customer, *, kinds=tuple(EntryKind), topics=(), limit=7):
    """Return the places of every page, one after the other."""
    before, places, more = None, [], True
    while more:
        with sessions() as session:
            line = line_of(session, customer, timezone=SHANGHAI)
            entries, before = list_entries(line, kinds=kinds, topics=topics, before=before, limit=limit)
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
    assert places == walk(sessions, customer, limit=1_000)


def test_one_kind_alone_is_shown_when_asked_for(customer, sessions):
    assert {place.kind for place in walk(sessions, customer, kinds=(EntryKind.MONEY,))} == {"money"}


@pytest.fixture
def busy(customer, rows, sessions):
    """The same with every kind of work, a unit, a contact person and a document, and changes of these."""
    manager = rows.manager()
    for number, kind in enumerate(WorkLogKind):
        rows.work_log(manager, customer_id=customer, kind=kind, started_at=NOON - timedelta(hours=number))
    rows.unit(customer, serial_no="LSVAA2181E2123456")
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
        counts = count_topics(line_of(session, busy, timezone=SHANGHAI))

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


def test_the_services_of_a_customer_have_a_tab_of_their_own_and_the_head_says_the_stage(browser, rows):
    who, manager = rows.customer(lifecycle_stage=LifecycleStage.GROWTH), rows.manager()
    rows.work_log(manager, customer_id=who, kind=WorkLogKind.SERVICE, text="repaired the lift")
    rows.work_log(manager, customer_id=who, kind=WorkLogKind.VISIT, text="had tea")
    whole = browser.get(f"/customers/{who}/timeline").text
    tab = re.search(r'<a[^>]*href="([^"]*)"[^>]*>Services</a>', whole)
    assert tab

    page = browser.get(unescape(tab[1])).text

    assert "repaired the lift" in page
    assert "had tea" not in page
    assert 'aria-current="page">Services' in page
    assert 'aria-current="page">Timeline' in whole
    assert "Growth" in page


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


def test_a_stage_that_came_with_other_fields_is_told_by_its_move_alone(rows, sessions, browser):
    customer, day = rows.customer(), date(2026, 3, 18)
    together = replace(ANA, at=NOON + timedelta(minutes=3))
    with sessions.begin() as session:
        # As a file does: in one act, and so at one instant.
        session.get_one(Customer, customer).email = "new@example.com"
        moves.move(session, customer, LifecycleStage.GROWTH, on=day, today=day, reason="文件", by=together)
    with sessions.begin() as session:
        session.get_one(Customer, customer).value_tier = ValueTier.HIGH
        record(session, "customer.changed", subject=("customer", customer), by=ANA)

    page = browser.get(f"/customers/{customer}/timeline").text
    assert page.count("Life-cycle stage") == 1
    assert "Life-cycle stage: – → <b>Growth</b>" in page
    assert "E-mail</p>" in page
    assert "Value tier</p>" in page
    with sessions() as session:
        entries, _further = list_entries(line_of(session, customer, timezone=SHANGHAI), before=None)
    assert [one.place.kind for one in entries if one.apart == {"lifecycle_stage"}] == ["change"]
    assert not any(one.apart - {"lifecycle_stage"} for one in entries)


def test_a_move_stands_on_the_line_once_and_a_change_of_anything_beside_it_stays(customer, sessions):
    before = Counter(place.kind for place in walk(sessions, customer))
    # That the file was opened is the one change there is.
    assert (before["move"], before["change"]) == (3, 1)

    # A tier that merging or an earlier state of the file brought, another field, and both at once.
    for minute, (name, value) in enumerate((("value_tier", ValueTier.HIGH), ("remark", "新备注")), 1):
        with sessions.begin() as session:
            setattr(session.get_one(Customer, customer), name, value)
            by = replace(ANA, at=NOON + timedelta(minutes=minute))
            record(session, "customer.changed", subject=("customer", customer), by=by)
    later = replace(ANA, at=NOON + timedelta(minutes=3))
    with sessions.begin() as session:
        moved_on = date(2026, 3, 18)
        moves.move(session, customer, ValueTier.LOW, on=moved_on, today=moved_on, reason="评估", by=later)
        session.get_one(Customer, customer).remark = "另一备注"

    after = Counter(place.kind for place in walk(sessions, customer))
    assert (after["move"], after["change"]) == (4, 4)
    with sessions() as session:
        assert count_topics(line_of(session, customer, timezone=SHANGHAI))[Topic.CHANGE] == 8


def test_a_kind_that_was_asked_for_is_asked_for_on_the_next_page_too(browser, rows):
    who, manager = rows.customer(), rows.manager()
    for number in range(PAGE + 5):
        rows.work_log(manager, customer_id=who, started_at=NOON - timedelta(hours=number), text="上门拜访")
        rows.bill_line(who, booked_on=date(2026, 3, 17) - timedelta(days=number), bill_no=f"ZD-{number:03}")

    first = browser.get(f"/customers/{who}/timeline?kind=money").text
    [further] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(unescape(further)).text
    [back] = re.findall(r'<a class="btn" href="([^"]+timeline[^"]*)">Back to the latest', second)

    for page in (first, second, browser.get(unescape(back)).text):
        assert "上门拜访" not in page
        assert "ZD-" in page
    assert (first.count("ZD-"), second.count("ZD-")) == (PAGE, 5)


def test_what_contact_people_and_documents_are_called_is_asked_once_for_a_page(browser, busy, database):
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(" ".join(statement.split()))

    event.listen(database.engine, "before_cursor_execute", note)
    browser.get(f"/customers/{busy}/timeline")
    event.remove(database.engine, "before_cursor_execute", note)

    for table in ("contacts", "documents"):
        names = f"SELECT {table}.customer_id, {table}.id, {table}.name FROM {table}"
        assert len([one for one in asked if one.startswith(names)]) == 1


# What is closed, a word of its entries, the topics whose counts are smaller then.
CLOSED = [
    (EntryKind.WORK, "走访记录", {Topic.CONTACT, Topic.VISIT, Topic.SERVICE}),
    (EntryKind.MONEY, "ZD-777", {Topic.MONEY}),
    (EntryKind.UNIT, "LSVAA2181E2123456", {Topic.SERVICE}),
    (EntryKind.PERSON, "赵敏", {Topic.CHANGE}),
    (EntryKind.DOCUMENT, "服务合同", {Topic.DOCUMENT}),
]


@pytest.mark.parametrize(("kind", "word", "topics"), CLOSED, ids=[one.value for one, _, _ in CLOSED])
def test_who_may_not_see_a_kind_of_record_sees_neither_its_entries_nor_how_many_there_are(
    browser, busy, rows, withdraw, kind, word, topics
):
    rows.work_log(rows.manager(), customer_id=busy, kind=WorkLogKind.VISIT, text="走访记录")
    rows.bill_line(busy, bill_no="ZD-777", booked_on=date(2026, 3, 18))
    address = f"/customers/{busy}/timeline"
    open_page = browser.get(address).text
    assert word in open_page
    before = counts_of(open_page)

    withdraw(OPENS[kind][0], StaffKind.BRANCH_MANAGER)
    page = browser.get(address).text
    after = counts_of(page)

    assert word not in page
    smaller = {topic for topic in Topic if after.get(topic, 0) < before[topic]}
    assert smaller == topics
    assert after[None] == sum(count for topic, count in after.items() if topic)
    for asked in (f"?kind={kind.value}", *(f"?topic={topic.value}" for topic in topics)):
        assert word not in browser.get(address + asked).text
    assert "Nothing of this kind has happened" in browser.get(f"{address}?kind={kind.value}").text


def test_a_service_operator_who_is_no_cashier_sees_no_money_on_the_line(
    busy, rows, make_user, sign_in, sessions
):
    rows.bill_line(busy, bill_no="ZD-777")
    for name, duties in (("service", ()), ("cashier", (Duty.CASHIER,))):
        user = make_user(name, StaffKind.SERVICE, duties=duties)
        with sessions.begin() as session:
            session.add(
                Serving(user_id=user, customer_id=busy, began_at=NOON, ends_at=NOON + timedelta(hours=1))
            )

    for name, sees in (("service", False), ("cashier", True)):
        for asked in ("", "?topic=money", "?kind=money"):
            page = sign_in(name).get(f"/customers/{busy}/timeline{asked}").text
            assert ("ZD-777" in page) is sees, (name, asked)
        assert (Topic.MONEY in counts_of(sign_in(name).get(f"/customers/{busy}/timeline").text)) is sees


@pytest.fixture
def withdraw(monkeypatch):
    """Take the rights to a kind of record from a kind of staff."""

    def take(resource, kind):
        head, *lines = policy.TABLE.strip().splitlines()
        at = [cell.strip() for cell in head.split("|")].index(kind.value)
        [row] = [line for line in lines if line.split("|")[0].strip() == resource.value]
        cells = row.split("|")
        cells[at] = " - "
        monkeypatch.setattr(policy, "TABLE", policy.TABLE.replace(row, "|".join(cells)))
        policy.policy.cache_clear()

    yield take
    monkeypatch.undo()
    policy.policy.cache_clear()


def counts_of(page):
    """Return how many entries a page of the line says there are by topic, and under None in all."""
    found = re.findall(
        r'<a class="chip" href="[^"]*?timeline(?:\?topic=(\w+))?"[^>]*>.*?<span class="num">(\d+)<', page
    )
    return {Topic.meant_by(topic) if topic else None: int(count) for topic, count in found}


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
        list_entries(line_of(session, customer, timezone=SHANGHAI), before=middle)
    event.remove(database.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.engine.connect() as connection:
        return [
            "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, parameters))
            for statement, parameters in asked
            if statement.startswith("SELECT")
        ]
