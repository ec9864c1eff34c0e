from sqlalchemy import delete, func, insert, select, text, update

from branch_node.customers import operations, queries
from branch_node.customers.jobs import index_customers
from branch_node.customers.models import CUSTOMER_SEARCH, Customer
from shared.db.search import match
from shared.db.search_followed import SearchDirty
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.runtime import NodeRuntime
from tests.support.branch import ANA, NOON


def names(database, query):
    with database.reads() as session:
        return {row.Customer.name for row in queries.search_customers(session, query, limit=50)}


def waiting(database):
    with database.reads() as session:
        return session.scalar(select(func.count()).select_from(SearchDirty))


def raw_customer(name, number, **values):
    stamps = {"created_at": NOON, "created_by": "x", "updated_at": NOON, "updated_by": "x"}
    row = {"id": new_id(), "kind": "individual", "status": "active", "tags": [], "attributes": {}}
    return {**row, **stamps, "customer_no": number, "name": name, **values}


def test_a_customer_is_found_by_number_name_two_characters_pinyin_and_phone(database, rows):
    rows.customer(name="单雄信", customer_no="K-0042", mobile="13812345678")
    rows.customer(name="张伟")

    for query in ("K-0042", "单雄信", "雄信", "shanxiongxin", "sxx", "13812345678", "5678"):
        assert names(database, query) == {"单雄信"}, query


def test_rows_written_past_the_orm_are_found_at_once_by_what_they_hold_and_by_pinyin_after_the_job(database):
    with database.sessions.begin() as session:
        session.execute(
            insert(Customer.metadata.tables["customers"]),
            [raw_customer("钱多多", "R1"), raw_customer("钱少少", "R2")],
        )

    assert names(database, "钱多") == {"钱多多"}
    assert names(database, "qdd") == set()
    runtime = NodeRuntime(settings=None, clock=None, database=database)  # type: ignore[arg-type] # asks for neither
    outcome = index_customers(runtime, ANA, Progress())
    assert outcome.counts == {"indexed": 2}
    assert names(database, "qdd") == {"钱多多"}
    assert waiting(database) == 0


def test_a_name_changed_by_raw_sql_is_never_found_under_the_old_one(database, rows):
    rows.customer(name="张伟", customer_no="K1")
    with database.sessions.begin() as session:
        session.execute(text("UPDATE customers SET name = '李雷' WHERE customer_no = 'K1'"))

    assert names(database, "张伟") == set()
    assert names(database, "李雷") == {"李雷"}


def test_a_deleted_customer_is_forgotten_by_the_index_too(database, rows):
    rows.customer(name="张伟")
    with database.sessions.begin() as session:
        session.execute(delete(Customer))
    assert names(database, "张伟") == set()

    with database.sessions.begin() as session:
        assert operations.index_changed(session) == 1
        assert match(session, CUSTOMER_SEARCH.name, "张伟") == []


def test_a_change_of_what_is_not_searched_leaves_the_index_alone(database, rows):
    rows.customer(name="张伟")

    with database.sessions.begin() as session:
        session.execute(update(Customer).values(remark="喜欢茶"))

    assert waiting(database) == 0


def test_a_change_that_is_rolled_back_leaves_no_mark(database, rows):
    rows.customer(name="张伟")
    with database.sessions() as session:
        session.execute(update(Customer).values(name="李雷"))
        session.rollback()

    assert waiting(database) == 0
    assert names(database, "张伟") == {"张伟"}


def test_installing_again_indexes_what_is_missing(database, rows):
    rows.customer(name="张伟")
    with database.sessions.begin() as session:
        session.execute(text(f"DELETE FROM {CUSTOMER_SEARCH.name}"))
        CUSTOMER_SEARCH.install(session.connection())
        operations.index_changed(session)

    assert names(database, "张伟") == {"张伟"}


def test_the_exact_name_comes_before_longer_ones_and_the_exact_number_before_both(database, rows):
    rows.customer(name="张伟明", customer_no="N3")
    rows.customer(name="张伟", customer_no="N2")
    rows.customer(name="集团", short_name="张伟", customer_no="N1")

    with database.reads() as session:
        found = [row.Customer.name for row in queries.search_customers(session, "张伟", limit=50)]
    assert found == ["张伟", "张伟明", "集团"]
