"""The consolidated figures against plain Python over the same rows, and the customers behind each cell."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from hq_server.analysis import drill, operations, queries, sources
from hq_server.analysis.grid import Question, narrow
from hq_server.analysis.models import Prepared
from hq_server.analysis.months import first_day, shift, span
from hq_server.analysis.vocabulary import Dimension, Measure
from hq_server.branches.models import Branch
from hq_server.console.queries import status_document
from hq_server.ingest.models import InboxBatch
from hq_server.ranges import RANGES
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer, ReplicaCustomerIdentity
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade
from shared.ids import new_id
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange, Resource
from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import add_branch

MONTHS = span("2026-06", "2026-10")
PRODUCTS = ("Mobile", "宽带", "IPTV")


def fill(session, seed, branches=3):
    """Make up branches with customers and bill lines, some of them without a customer; return plain rows."""
    chance = random.Random(seed)
    people, lines = {}, []
    for number in range(branches):
        branch = add_branch(session, f"B{number}", NOON)
        ids = []
        for at in range(chance.randint(0, 12)):
            opened = chance.choice([None, date(2020, 1, 5), *(first_day(month) for month in MONTHS)])
            person = {
                "kind": chance.choice(list(CustomerKind)),
                "grade": chance.choice([None, *Grade]),
                "status": chance.choice(list(CustomerStatus)),
                "opened_on": opened,
            }
            ids.append(branch.customer(f"C{at}", **person))
            people[branch.number, ids[-1]] = person
            if len(ids) > 1 and chance.random() < 0.3:
                into = chance.choice(ids[:-1])
                branch.merged(ids[-1], into)
                people[branch.number, ids[-1]] = {**person, "into": into}
        ids.append("01936f00-0000-7000-8000-000000000000")  # never arrived
        for _ in range(chance.randint(0, 40)):
            line = {
                "period": chance.choice(MONTHS),
                "product": chance.choice(PRODUCTS),
                "kind": chance.choice(list(BillKind)),
                "amount_minor": chance.randint(-(10**9), 10**12),
                "currency": chance.choice(["CNY", "CNY", "USD"]),
            }
            owner = chance.choice(ids)
            branch.bill(owner, **cast("dict[str, Any]", line))
            lines.append({**line, "branch": branch.number, "who": (branch.number, owner)})
        branch.deliver()
    return people, lines


def prepare(session, only=None):
    """Do what the job does, for the branches in `only` or all."""
    for number in list(session.scalars(select(Branch.number))):
        if only is None or number in only:
            ids = session.scalars(select(InboxBatch.id).where(InboxBatch.branch_number == number)).all()
            operations.prepare_branch(session, number, ids, at=NOON)


def code(value):
    return value.value if value else ""


def line_keys(line, people):
    person = people.get(line["who"], {})
    return {
        Dimension.BRANCH: str(line["branch"]),
        Dimension.MONTH: line["period"],
        Dimension.PRODUCT: line["product"],
        Dimension.KIND: code(person.get("kind")),
        Dimension.GRADE: code(person.get("grade")),
    }


def wanted(question, keys):
    filters = {
        Dimension.BRANCH: {str(number) for number in question.branches},
        Dimension.PRODUCT: question.products,
        Dimension.KIND: question.kinds,
        Dimension.GRADE: question.grades,
    }
    return all(not values or keys[name] in values for name, values in filters.items())


def oracle_money(question, people, lines):
    cells: defaultdict[Any, int] = defaultdict(int)
    kind = drill.KIND_OF.get(question.measure)
    for line in lines:
        keys = line_keys(line, people)
        if not question.months[0] <= line["period"] <= question.months[1] or not wanted(question, keys):
            continue
        if kind and (line["kind"] is not kind or line["currency"] != question.currency):
            continue
        column = keys[question.columns] if question.columns else ""
        cells[keys[question.rows], column] += line["amount_minor"] if kind else 1
    return cells


def oracle_people(question, people):
    cells: defaultdict[Any, int] = defaultdict(int)
    for (number, _), person in people.items():
        opened = person["opened_on"]
        stock = question.measure.is_stock
        if "into" in person and not question.measure.by_file:
            continue
        if opened is None or (stock and person["status"] is CustomerStatus.CLOSED):
            continue
        by_month = Dimension.MONTH in {question.rows, question.columns}
        ends = span(*question.months) if by_month else [question.months[1]]
        for month in ends:
            keys = {
                Dimension.BRANCH: str(number),
                Dimension.MONTH: month,
                Dimension.KIND: code(person["kind"]),
                Dimension.GRADE: code(person["grade"]),
            }
            begin = month if by_month else question.months[0]
            inside = opened < first_day(shift(month, 1)) and (stock or opened >= first_day(begin))
            if inside and wanted(question, {**keys, Dimension.PRODUCT: ""}):
                cells[keys[question.rows], keys[question.columns] if question.columns else ""] += 1
    return cells


def shown(grid):
    return {
        (line.key, column): amount for line in grid.lines for column, amount in line.cells.items() if amount
    }


def nonzero(cells):
    return {key: amount for key, amount in cells.items() if amount}


DIMENSIONS = st.lists(st.sampled_from(list(Dimension)), min_size=1, max_size=2, unique=True)


@st.composite
def questions(draw):
    measure = draw(st.sampled_from(list(Measure)))
    dimensions = draw(DIMENSIONS)
    if measure.of_people:
        dimensions = [one for one in dimensions if one is not Dimension.PRODUCT] or [Dimension.BRANCH]
    months = sorted(draw(st.tuples(st.sampled_from(MONTHS), st.sampled_from(MONTHS))))
    return Question(
        measure=measure,
        rows=dimensions[0],
        columns=dimensions[1] if len(dimensions) > 1 else None,
        months=(months[0], months[1]),
        currency=draw(st.sampled_from(["CNY", "USD"])),
        branches=draw(st.frozensets(st.integers(1, 3), max_size=2)),
        products=frozenset()
        if measure.of_people
        else draw(st.frozensets(st.sampled_from(PRODUCTS), max_size=2)),
        kinds=draw(st.frozensets(st.sampled_from(["individual", "group", ""]), max_size=2)),
        grades=draw(st.frozensets(st.sampled_from(["A", "B", ""]), max_size=2)),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    seed=st.integers(0, 10**6), asked=st.lists(questions(), min_size=4, max_size=4), ready=st.integers(0, 3)
)
def test_every_cell_total_and_drill_equals_plain_python(database, seed, asked, ready):
    with database.sessions() as session:  # never committed: each example starts from nothing
        for table in (ReplicaCustomer, ReplicaCustomerIdentity, ReplicaBillLine, InboxBatch, Branch):
            session.execute(delete(table))
        people, lines = fill(session, seed)
        numbers = sorted(session.scalars(select(Branch.number)))
        prepare(session, only=set(numbers[:ready]))
        for one in asked:
            question = replace(one, branches=frozenset(numbers[at - 1] for at in one.branches))
            grid = queries.answer(session, question)

            cells = (
                oracle_people(question, people)
                if question.measure.of_people
                else oracle_money(question, people, lines)
            )
            assert shown(grid) == nonzero(cells)
            assert_totals(question, grid, cells)
            assert_drill(session, question, grid)
        session.rollback()


def assert_totals(question, grid, cells):
    last = question.months[1]
    if question.measure.is_stock and question.rows is Dimension.MONTH:
        assert grid.total == sum(amount for (row, _), amount in cells.items() if row == last)
    elif question.measure.is_stock and question.columns is Dimension.MONTH:
        assert grid.total == sum(amount for (_, column), amount in cells.items() if column == last)
    else:
        assert grid.total == sum(cells.values()) == sum(grid.column_totals.values())


def assert_drill(session, question, grid):
    for line in grid.lines[:2]:
        for column, amount in list(line.cells.items())[:2]:
            cell = narrow(question, row=line.key, column=column)
            behind = drill.customers_behind(session, cell, offset=0, limit=1000)
            assert behind.total == amount
            assert behind.count == len(behind.rows)
            assert sum(one.amount for one in behind.rows) == amount


def test_charges_at_head_office_equal_the_status_document_to_the_cent(database):
    with database.sessions.begin() as session:
        fill(session, seed=7)
        prepare(session)

    with database.reads() as session:
        document = status_document(session, NOON)
        for measure, kind in ((Measure.CHARGES, "charge"), (Measure.PAYMENTS, "payment")):
            grid = queries.answer(
                session, Question(measure, Dimension.BRANCH, Dimension.MONTH, (MONTHS[0], MONTHS[-1]), "CNY")
            )
            by_code = {one.number: one.code for one in session.scalars(select(Branch))}
            figures = {
                (by_code[int(line.key)], month): amount
                for line in grid.lines
                for month, amount in line.cells.items()
                if amount
            }
            stated = {
                (branch["code"], month): kinds[kind]
                for branch in document["branches"]
                for month, kinds in branch["totals"].get("CNY", {}).items()
                if kinds.get(kind)
            }
            assert figures == stated


def test_a_batch_that_arrives_after_preparing_is_in_the_figures_at_once(database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B1", NOON)
        customer = branch.customer("C1")
        branch.bill(customer, 1_000)
        branch.deliver()
        prepare(session)
    with database.sessions.begin() as session:
        branch.session = session
        branch.bill(customer, 234)
        branch.deliver()

    question = Question(Measure.CHARGES, Dimension.BRANCH, None, ("2026-10", "2026-10"), "CNY")
    with database.reads() as session:
        assert queries.answer(session, question).total == 1_234


def test_growth_is_measured_against_the_month_before_the_last(database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B1", NOON)
        customer = branch.customer("C1")
        branch.bill(customer, 200, period="2026-09")
        branch.bill(customer, 250, period="2026-10")
        branch.deliver()

    with database.reads() as session:
        one_month = Question(Measure.CHARGES, Dimension.BRANCH, None, ("2026-10", "2026-10"), "CNY")
        grid = queries.answer(session, one_month)
    assert grid.total == 250
    assert grid.change == 0.25
    assert grid.lines[0].change == 0.25


def test_customers_by_product_are_refused_with_the_reason(database):
    question = Question(Measure.CUSTOMERS, Dimension.PRODUCT, None, ("2026-10", "2026-10"), "CNY")
    with database.reads() as session, pytest.raises(queries.NotByProductError):
        queries.answer(session, question)


def test_preparing_marks_the_batches_and_keeps_the_number_of_rows(database):
    with database.sessions.begin() as session:
        fill(session, seed=3)
        prepare(session)

    with database.reads() as session:
        waiting = session.scalar(select(func.count()).where(InboxBatch.indexed_at.is_(None)))
        assert waiting == 0
        assert sources.waiting_branches(session, sources.RECORDS_FROM) == []
        counted = sources.record_counts(session)
        fresh = {branch["code"]: branch["records"] for branch in status_document(session, NOON)["branches"]}
        by_code = {one.code: one.number for one in session.scalars(select(Branch))}
        for branch_code, records in fresh.items():
            kept = counted.get(by_code[branch_code], {})
            assert {name: rows for name, rows in records.items() if rows} == kept


def test_who_is_limited_to_a_branch_gets_its_sums_alone_ready_or_not(database):
    with database.sessions.begin() as session:
        fill(session, seed=7)
        prepare(session)
        near = session.scalars(select(Branch.number)).first()
        seer = Seer(new_id(), None, NOON)
    reach = dict.fromkeys(Resource, DataRange.GROUP)
    sight = Sight(seer, reach, RANGES, branches=(near,))
    asked = Question(Measure.CHARGES, Dimension.BRANCH, None, (MONTHS[0], MONTHS[-1]), "CNY")
    people = replace(asked, measure=Measure.NEW_FILES)

    with database.sessions(info={SIGHT: sight}) as session:
        ready = [queries.answer(session, one) for one in (asked, people)]
        records = sources.record_counts(session)
    with database.sessions.begin() as session:
        session.execute(delete(Prepared))
    with database.sessions(info={SIGHT: sight}) as session:
        now = [queries.answer(session, one) for one in (asked, people)]

    for one in (*ready, *now):
        assert {line.key for line in one.lines} == {str(near)}
    assert [one.total for one in ready] == [one.total for one in now]
    assert set(records) == {near}
