"""The two walls between people and rows that are not theirs: the statements we send, and PostgreSQL itself."""

from datetime import timedelta

import pytest
from sqlalchemy import Table, event, func, inspect, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import aliased

from branch_node.billing.models import BillLine
from branch_node.customers.models import CUSTOMER_SEARCH, Customer, CustomerShare, Serving
from branch_node.ranges import RANGES
from branch_node.worklogs.models import WorkLog
from shared.ids import new_id
from shared.rights.ranges import BY_HAND, SIGHT, Seer, Sight, UnrangedStatementError, rows_seen
from shared.rights.rowsecurity import ROLE, has_row_security
from shared.rights.vocabulary import DataRange, Resource
from tests.support.branch import NOON

CLERK = new_id()


@pytest.fixture
def branch(database, rows):
    """Wu holds one customer, Li another; each has a bill line and a log."""
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    made = {"wu": wu, "li": li}
    for name, manager in (("wu", wu), ("li", li)):
        customer = rows.customer(name=f"of {name}", manager_id=manager)
        made[f"customer of {name}"] = customer
        made[f"line of {name}"] = rows.bill_line(customer, amount_minor=100)
        made[f"log of {name}"] = rows.work_log(manager, customer_id=customer)
    return made


@pytest.fixture
def looking(database):
    """Open a session that looks with somebody's eyes."""

    def look(reach, *, manager=None, user=CLERK, at=NOON, sums=False):
        seen = reach if isinstance(reach, dict) else dict.fromkeys(Resource, reach)
        return database.sessions(info={SIGHT: Sight(Seer(user, manager, at), seen, RANGES, sums=sums)})

    return look


@pytest.fixture
def first_wall_down(monkeypatch):
    """Our own narrowing does nothing; what is left is the database's."""
    monkeypatch.setattr(Sight, "criteria", ())
    monkeypatch.setattr(Sight, "tables", frozenset())


def names(session):
    return sorted(session.scalars(select(Customer.name)))


def test_an_account_manager_sees_what_they_hold_however_it_is_asked_for(branch, looking):
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        assert names(session) == ["of wu"]
        assert session.get(Customer, branch["customer of li"]) is None
        assert session.scalar(select(func.count()).select_from(BillLine)) == 1
        assert session.scalar(select(func.sum(BillLine.amount_minor))) == 100
        other = aliased(WorkLog)
        assert session.scalars(select(other.id)).all() == [branch["log of wu"]]
        inner = select(BillLine.customer_id).subquery()
        assert session.scalars(select(inner)).all() == [branch["customer of wu"]]


def test_a_class_met_twice_in_a_statement_shows_what_is_seen_both_times(branch, looking):
    line, customer = aliased(BillLine), aliased(Customer, name="other")
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        pairs = select(Customer.name, customer.name).join(customer, customer.kind == Customer.kind)
        assert session.execute(pairs).all() == [("of wu", "of wu")]
        lines = select(WorkLog.id, line.id).join(line, line.id != WorkLog.id)
        assert session.execute(lines).all() == [(branch["log of wu"], branch["line of wu"])]
        outer = select(Customer.name, line.amount_minor).outerjoin(line, line.customer_id == Customer.id)
        assert session.execute(outer).all() == [("of wu", 100)]


def test_what_is_not_seen_is_not_changed(branch, database, looking):
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        changed = session.execute(update(Customer).values(remark="mine"))
        assert changed.rowcount == 1
        session.commit()
    with database.sessions() as session:
        assert session.get_one(Customer, branch["customer of li"]).remark is None


def test_a_shared_customer_is_seen_until_the_share_ends(branch, database, looking):
    with database.sessions.begin() as session:
        session.add(
            CustomerShare(
                customer_id=branch["customer of li"],
                manager_id=branch["wu"],
                shared_at=NOON,
                shared_by="li",
                ends_at=NOON + timedelta(days=1),
            )
        )
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        assert names(session) == ["of li", "of wu"]
    with looking(DataRange.SELF, manager=branch["wu"], at=NOON + timedelta(days=1)) as session:
        assert names(session) == ["of wu"]


def test_a_service_operator_sees_the_file_while_serving(branch, database, looking):
    with database.sessions.begin() as session:
        session.add(
            Serving(
                user_id=CLERK,
                customer_id=branch["customer of li"],
                began_at=NOON,
                ends_at=NOON + timedelta(hours=8),
            )
        )
    with looking(DataRange.TEAM) as session:
        assert names(session) == ["of li"]
        assert session.scalars(select(BillLine.id)).all() == [branch["line of li"]]
    with looking(DataRange.TEAM, user=new_id()) as session:
        assert names(session) == []
    with looking(DataRange.TEAM, at=NOON + timedelta(hours=8)) as session:
        assert names(session) == []


def test_somebody_without_a_link_to_an_account_manager_holds_nothing(branch, rows, looking):
    rows.customer(name="of nobody", manager_id=None)
    with looking(DataRange.SELF, manager=None) as session:
        assert names(session) == []


def test_one_statement_is_put_together_once_and_shows_each_person_their_own(branch, database, looking):
    known: dict[object, object] = {}

    def seen_by(manager):
        with looking(DataRange.SELF, manager=branch[manager]) as session:
            session.connection(execution_options={"compiled_cache": known})
            line, inner = aliased(BillLine), select(WorkLog.customer_id)
            mine = select(Customer.name, line.id).join(line).where(Customer.id.in_(inner))
            return session.execute(mine).all()

    assert [seen_by(one) for one in ("wu", "li", "wu")] == [
        [("of wu", branch["line of wu"])],
        [("of li", branch["line of li"])],
        [("of wu", branch["line of wu"])],
    ]
    assert len(known) == 1


def test_without_a_range_nothing_is_seen_and_the_whole_branch_is_all(branch, looking):
    with looking({}) as session:
        assert names(session) == []
    with looking(DataRange.BRANCH) as session:
        assert names(session) == ["of li", "of wu"]


def test_sums_only_shows_rows_to_figures_alone(branch, looking):
    with looking(DataRange.AGGREGATE) as session:
        assert session.scalars(select(BillLine.id)).all() == []
    with looking(DataRange.AGGREGATE, sums=True) as session:
        assert session.scalar(select(func.sum(BillLine.amount_minor))) == 200


def test_a_statement_over_the_table_itself_is_refused_unless_narrowed_by_hand(branch, looking):
    table = inspect(Customer).local_table
    assert isinstance(table, Table)
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        for statement in (
            select(table.c.name),
            select(func.count()).select_from(table),
            select(select(table.c.id).exists()),
        ):
            with pytest.raises(UnrangedStatementError, match="customers"):
                session.execute(statement)
        by_hand = select(table.c.name).where(*rows_seen(session, table)).execution_options(**BY_HAND)
        assert session.scalars(by_hand).all() == ["of wu"]


def test_whom_somebody_holds_is_found_by_an_index_behind_both_walls(branch, looking, database):
    asked = []
    with looking(DataRange.SELF, manager=branch["wu"]) as session:
        event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        assert names(session) == ["of wu"]
        (statement, values) = next(one for one in asked if "FROM customers" in one[0])
        if database.dialect == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
        rows = session.connection().exec_driver_sql(f"{explain} {statement}", values)
        plan = [row[-1] for row in rows]

    assert any("ix_customers_manager_id" in line for line in plan)
    assert not any("Scan on customers " in line and "Seq" in line for line in plan)
    assert not any(line.startswith("SCAN customers") for line in plan)


class TestTheDatabaseItself:
    """The second wall."""

    @pytest.fixture(autouse=True)
    def only_here(self, database):
        if database.dialect != "postgresql":
            pytest.skip("row-level security is PostgreSQL's")

    def test_it_stands_after_a_migration(self, database):
        with database.engine.connect() as connection:
            assert has_row_security(connection)

    def test_it_holds_alone(self, first_wall_down, branch, looking):
        with looking(DataRange.SELF, manager=branch["wu"]) as session:
            assert names(session) == ["of wu"]
            assert session.scalars(select(BillLine.id)).all() == [branch["line of wu"]]
            assert session.execute(text("SELECT name FROM customers")).scalars().all() == ["of wu"]
            assert session.execute(update(Customer).values(remark="mine")).rowcount == 1
        with looking({}) as session:
            assert session.execute(text("SELECT count(*) FROM bill_lines")).scalar() == 0

    def test_without_any_setting_the_role_sees_nothing(self, branch, database):
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL ROLE {ROLE}")
            for table in {one.table.name for one in RANGES}:
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0

    def test_a_row_cannot_be_moved_out_of_sight_nor_put_there(self, first_wall_down, branch, looking):
        with looking(DataRange.SELF, manager=branch["wu"]) as session:
            given_away = update(Customer).where(Customer.id == branch["customer of wu"])
            with pytest.raises(ProgrammingError, match="row-level security"):
                session.execute(given_away.values(manager_id=branch["li"]))

    def test_the_operation_log_is_only_ever_added_to(self, branch, looking):
        seen = looking(DataRange.SELF, manager=branch["wu"])
        with seen as session, pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text("DELETE FROM audit_entries"))

    def test_the_node_itself_sees_all(self, branch, database):
        with database.sessions() as session:
            assert names(session) == ["of li", "of wu"]

    def test_a_search_reads_the_records_that_wait_to_be_indexed_and_not_all(self, branch, looking):
        with looking(DataRange.SELF, manager=branch["wu"]) as session:
            # A small table would be read whole for good reason.
            session.execute(text("SET LOCAL enable_seqscan = off"))
            hits = select(Customer.id).where(Customer.id.in_(CUSTOMER_SEARCH.matching(session, "wu")))
            compiled = hits.compile(session.connection())
            plan = (
                session.connection().exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars().all()
            )
        assert any("Index Cond: (id = " in line for line in plan), "\n".join(plan)
