"""What a page asks of the database, and that nothing it remembers outlives its request."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.customers import operations, queries
from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH, Customer, CustomerShare
from branch_node.customers.words import found_by
from branch_node.documents.models import DOCUMENT_SEARCH
from branch_node.worklogs.models import WORK_LOG_SEARCH
from branch_node.worklogs.queries import words_of as words_of_log
from shared.auth.models import User
from shared.db.search_followed import index_changed, look_ahead
from shared.rights.vocabulary import Action, DataRange, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import reading, writing

# With what opens and closes transactions. A page more costs every reader some tenths of a millisecond for each.
MOST: dict[str, int] = {
    "/search?q=王": 42,
    "/search/offers?q=王": 30,
    "/customers": 36,
    "/customers/{customer}": 56,
}

LONG_AGO = datetime(2025, 1, 6, tzinfo=UTC)


@pytest.fixture
def asked(database) -> Iterator[list[str]]:
    """Every statement the database was sent since the list was last cleared."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", MOST)
def test_a_page_asks_no_more_however_many_customers_it_shows(browser, rows, asked, path):
    first = rows.customer(name="王一", customer_no="C-0")
    address = path.format(customer=first)
    browser.get(address)
    asked.clear()
    assert browser.get(address).status_code == 200
    few = len(asked)
    for number in range(1, 20):
        rows.customer(name=f"王{number}", customer_no=f"C-{number}", tags=[f"t{number}"])
    asked.clear()

    page = browser.get(address)

    assert page.status_code == 200
    assert len(asked) <= MOST[path]
    # One more, where what is found is more than what is shown and has to be counted.
    assert len(asked) <= few + 1


def test_what_stands_around_a_page_is_asked_once(browser, asked):
    browser.get("/customers")
    asked.clear()

    browser.get("/customers")

    assert sum("two_person_acts" in each for each in asked) == 1
    assert sum("sync_outbox" in each for each in asked) == 1
    assert sum("FROM users" in each for each in asked) == 1


# A page is read in two transactions, of who looks and of what they see; what is told of opening a file is a third.
TRANSACTIONS = {"/search?q=王": 2, "/search/offers?q=王": 2, "/customers": 2, "/customers/{customer}": 3}


@pytest.mark.parametrize("path", TRANSACTIONS)
def test_a_page_is_read_in_one_transaction_behind_that_of_who_looks(browser, rows, database, path):
    address = path.format(customer=rows.customer(name="王一", customer_no="C-0"))
    browser.get(address)
    begun: list[Any] = []
    note = begun.append
    event.listen(database.engine, "begin", note)

    assert browser.get(address).status_code == 200

    event.remove(database.engine, "begin", note)
    assert len(begun) == TRANSACTIONS[path]


@pytest.mark.parametrize("path", TRANSACTIONS)
def test_no_page_asks_twice_which_branch_this_is_or_how_far_head_office_was_followed(
    browser, rows, asked, path
):
    address = path.format(customer=rows.customer(name="王一", customer_no="C-0"))
    browser.get(address)
    asked.clear()

    browser.get(address)

    assert sum("FROM membership" in each for each in asked) <= 1
    assert sum("FROM inbound_place" in each for each in asked) <= 2  # once for the rules of whoever looks
    assert sum("FROM sync_outbox" in each for each in asked) <= 1


def test_kinds_of_records_that_hold_none_of_the_words_are_not_read(browser, rows, asked):
    rows.customer(name="王一", customer_no="C-0")
    browser.get("/search?q=王一")
    asked.clear()

    assert "王一" in browser.get("/search?q=王一").text

    for table in ("contacts", "work_logs", "documents"):
        assert not any(f"FROM {table}" in each or f"JOIN {table}" in each for each in asked), table


@pytest.mark.parametrize("words", ["王", "王一", "更新", "合同", "更新 合同", "没有"])
def test_one_statement_tells_of_all_indexes_what_each_is_asked(database, sessions, rows, asked, words):
    manager = rows.manager(name="李强")
    rows.customer(name="王一", manager_id=manager)
    rows.work_log(manager, text="谈设备更新")
    indexes = (CUSTOMER_SEARCH, CONTACT_SEARCH, WORK_LOG_SEARCH, DOCUMENT_SEARCH)
    with sessions.begin() as session:
        operations.index_changed(session)
        index_changed(session, WORK_LOG_SEARCH, words_of_log)

    with database.reads() as session:
        apart = [one.may_find(session, words) for one in indexes]
    with database.reads() as session:
        look_ahead(session, words, indexes)
        asked.clear()
        together = [one.may_find(session, words) for one in indexes]

    assert together == apart
    assert not any("MATCH" in one or "@@" in one for one in asked)


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "waiting"])
def test_the_index_of_words_tells_itself_whose_account_manager_somebody_is(
    app, database, rows, make_user, sign_in, indexed
):
    li, chen = rows.manager(name="李强"), rows.manager(name="陈静")
    mine, given = (rows.customer(name=f"王{name}", manager_id=li) for name in "一二")
    shared, over, taken = (rows.customer(name=f"王{name}", manager_id=chen) for name in "三四五")
    rows.customer(name="王六")
    with database.sessions.begin() as session:
        session.add_all(
            CustomerShare(
                customer_id=customer, manager_id=li, shared_at=LONG_AGO, shared_by="wang", ends_at=ends_at
            )
            for customer, ends_at in ((shared, None), (over, LONG_AGO))
        )
        operations.index_changed(session)
        for customer, manager in ((given, chen), (taken, li)):
            session.execute(update(Customer).where(Customer.id == customer).values(manager_id=manager))
    if indexed:
        with database.sessions.begin() as session:
            operations.index_changed(session)

    @requires(Resource.CUSTOMER, Action.READ)
    def looked_at() -> list[str]:
        with reading() as session:
            return list(session.scalars(found_by(session, "王")))

    app.add_url_rule("/looked-at", "looked_at", looked_at)
    make_user("li", kind=StaffKind.ACCOUNT_MANAGER, data_range=DataRange.SELF, manager_id=li)
    browser = sign_in("li")

    page, found = browser.get("/search?q=王").text, set(browser.get("/looked-at").json)

    assert [name for name in "一二三四五六" if f"王{name}" in page] == ["一", "三", "五"]
    assert found >= {mine, shared, taken}
    if indexed:  # of what waits, the wall behind it tells who is seen
        assert found == {mine, shared, taken}


def test_what_a_page_reads_after_it_wrote_is_what_it_wrote(app, make_user, sign_in, rows):
    customer = rows.customer(name="王一", customer_no="C-0")

    @requires(Resource.CUSTOMER, Action.READ)
    def view() -> list[str]:
        def name() -> str:
            with reading() as session:
                return queries.get_customer(session, customer).name

        before = [name(), name()]
        with reading() as around:
            with writing() as session:
                session.execute(update(Customer).where(Customer.id == customer).values(name="李二"))
            # Whoever reads already goes on with the snapshot they have.
            seen = queries.get_customer(around, customer).name
            return [*before, seen, name()]

    app.add_url_rule("/written", "written", view)
    make_user("wang")

    assert sign_in("wang").get("/written").json == ["王一", "王一", "王一", "李二"]


def test_what_fails_in_the_database_does_not_spoil_the_rest_of_the_page(app, make_user, sign_in, rows):
    customer = rows.customer(name="王一", customer_no="C-0")

    @requires(Resource.CUSTOMER, Action.READ)
    def view() -> str:
        with suppress(DBAPIError), reading() as session:
            session.execute(text("SELECT nothing FROM nowhere"))
        with reading() as session:
            return queries.get_customer(session, customer).name

    app.add_url_rule("/failed", "failed", view)
    make_user("wang")

    assert sign_in("wang").get("/failed").text == "王一"


def test_nothing_a_page_reads_in_is_left_open_behind_it(browser, rows, database):
    customer = rows.customer(name="王一", customer_no="C-0")
    for path in ("/customers", f"/customers/{customer}", "/customers/none", "/search?q=C-0"):
        browser.get(path)

    assert database.engine.pool.checkedout() == 0


def test_a_right_that_is_withdrawn_is_gone_at_the_next_request(browser, sessions, rows):
    rows.customer(name="王一", customer_no="C-1", manager_id=rows.manager(name="李", manager_no="M-1"))
    assert "王一" in browser.get("/search?q=王").text
    with sessions.begin() as session:  # of the whole branch: now of their own customers
        session.execute(update(User).values(kind=StaffKind.ACCOUNT_MANAGER, data_range=DataRange.SELF))
    assert "王一" not in browser.get("/search?q=王").text
    assert "王一" not in browser.get("/customers").text
    with sessions.begin() as session:
        session.execute(update(User).values(data_range=DataRange.NONE))

    assert browser.get("/search?q=王").status_code == 403
    assert browser.get("/customers").status_code == 403


def test_another_language_is_spoken_from_the_next_request_on(browser):
    assert "What are you looking for?" in browser.get("/search").text

    browser.send("/account/language", language="zh_CN")

    assert "What are you looking for?" not in browser.get("/search").text
    browser.send("/account/language", language="en")
    assert "What are you looking for?" in browser.get("/search").text


@pytest.mark.parametrize("open_session", ["sessions", "reads"])
def test_a_record_that_waits_to_be_indexed_is_never_found_under_its_old_name(
    database, sessions, rows, open_session
):
    customer = rows.customer(name="王一", customer_no="C-1")
    with sessions.begin() as session:
        operations.index_changed(session)
    make: Callable[[], Any] = getattr(database, open_session)
    with make() as session, session.begin():
        assert len(queries.search_customers(session, "王一", limit=5)) == 1
        if open_session == "sessions":
            session.execute(update(Customer).where(Customer.id == customer).values(name="李二"))
            assert queries.search_customers(session, "王一", limit=5) == []
            assert len(queries.search_customers(session, "李二", limit=5)) == 1
            return

    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(name="李二"))
    with make() as session:
        with session.begin():
            assert queries.search_customers(session, "王一", limit=5) == []
            assert len(queries.search_customers(session, "李二", limit=5)) == 1
        with sessions.begin() as writer:
            writer.execute(update(Customer).where(Customer.id == customer).values(name="赵三"))
            operations.index_changed(writer)
        with session.begin():  # another snapshot in the same session
            assert len(queries.search_customers(session, "赵三", limit=5)) == 1


@pytest.mark.parametrize("group", ["", *queries.GROUPS])
@pytest.mark.parametrize("sort", queries.SORTS)
def test_no_order_of_the_list_goes_by_the_index_of_whom_somebody_holds(database, rows, asked, sort, group):
    rows.customer(name="王一")
    for descending in (False, True):
        with database.reads() as session:
            asked.clear()
            queries.list_customers(
                session, queries.CustomerFilter(), sort=sort, descending=descending, limit=50, group=group
            )
            if database.dialect == "postgresql":  # which of them it takes goes by what it knows of the rows
                continue
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}", (50, 0))
            assert not any("SCAN customers USING INDEX ix_customers_manager_id" in row[3] for row in plan)
