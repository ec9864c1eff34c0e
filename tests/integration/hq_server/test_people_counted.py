"""Customers are counted, not files: merged files once, and a company that several branches serve once in all."""

import io
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import delete, select

from hq_server.analysis import drill, queries
from hq_server.analysis.grid import Counts, Question
from hq_server.analysis.vocabulary import Dimension, Measure
from hq_server.branches.models import Branch
from hq_server.customers import queries as customers
from hq_server.customers.identities import count_merged, count_shared
from hq_server.customers.queries import CustomerFilters
from hq_server.ingest.models import InboxBatch
from hq_server.oversight import queries as oversight
from hq_server.oversight.periods import Calendar
from hq_server.replica.models import ReplicaCustomer, ReplicaCustomerIdentity, ReplicaManager
from shared.domain.customers.vocabulary import CustomerKind
from tests.integration.hq_server.conftest import NOON
from tests.integration.hq_server.test_analysis import prepare
from tests.support.hq_rows import add_batch, add_branch

OCTOBER = ("2026-10", "2026-10")
GROUP = CustomerKind.GROUP


@st.composite
def companies(draw):
    """Three branches with up to seven files each: (group?, number, placed below another?, merged into which)."""
    branches = []
    for _ in range(3):
        files = []
        for at in range(draw(st.integers(0, 7))):
            into = draw(st.none() | st.integers(0, at - 1)) if at else None
            numbered = draw(st.sampled_from([None, "G-1", "G-2"]))
            files.append((draw(st.booleans()), numbered, bool(at) and draw(st.booleans()), into))
        branches.append(files)
    return branches


def load(session, company):
    """Write the files down, without any merge; return the branches and the ids of their files."""
    for table in (ReplicaCustomer, ReplicaCustomerIdentity, InboxBatch, Branch):
        session.execute(delete(table))
    loaded = []
    for number, files in enumerate(company):
        branch = add_branch(session, f"B{number}", NOON)
        ids: list[str] = []
        for at, (is_group, group_no, placed, _into) in enumerate(files):
            parent = ids[0] if placed else None
            kind = GROUP if is_group else CustomerKind.INDIVIDUAL
            ids.append(branch.customer(f"C{at}", kind=kind, group_no=group_no, parent_id=parent))
        branch.deliver()
        loaded.append((branch, ids))
    return loaded


def merge_all(company, loaded):
    for (branch, ids), files in zip(loaded, company, strict=True):
        for at, (*_what, into) in enumerate(files):
            if into is not None:
                branch.merged(ids[at], ids[into])
        branch.deliver()


def part_all(session, loaded):
    session.execute(delete(ReplicaCustomerIdentity))
    for branch, _ids in loaded:
        add_batch(session, branch, "customer_identity", rows=0, at=NOON)


def components(company):
    """Return how many customers there are: parts of the graph whose edges are merges and group numbers on top."""
    leads: dict[Any, Any] = {(b, at): (b, at) for b, files in enumerate(company) for at in range(len(files))}

    def root(one):
        return one if leads[one] == one else root(leads[one])

    for b, files in enumerate(company):
        for at, (*_what, into) in enumerate(files):
            if into is not None:
                leads[root((b, at))] = root((b, into))
    tops = [
        (group_no, b, at)
        for b, files in enumerate(company)
        for at, (is_group, group_no, placed, into) in enumerate(files)
        if is_group and group_no and not placed and into is None
    ]
    of_branch = Counter((group_no, b) for group_no, b, _at in tops)
    first: dict[str, Any] = {}
    for group_no, b, at in tops:
        if of_branch[group_no, b] == 1:
            leads[root((b, at))] = root(first.setdefault(group_no, (b, at)))
    return len({root(one) for one in leads})


def together(session):
    return sum(queries.count_customers(session).values(), Counts(shared=count_shared(session)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(company=companies(), ready=st.sets(st.integers(0, 2)))
def test_customers_are_the_connected_parts_and_parting_what_was_merged_gives_back_their_number(
    database, company, ready
):
    apart = [[(*what, None) for *what, _into in files] for files in company]
    with database.sessions() as session:  # never committed: each example starts from nothing
        loaded = load(session, company)
        numbers = [branch.number for branch, _ids in loaded]
        before = together(session)
        assert before.distinct == components(apart)
        merge_all(company, loaded)
        prepare(session, only={numbers[at] for at in ready})

        merged = together(session)

        files = sum(map(len, company))
        assert (merged.files, merged.distinct) == (files, components(company))
        assert merged.customers == files - count_merged(session)
        part_all(session, loaded)
        assert together(session) == before
        session.rollback()


def test_a_merge_and_its_reversal_that_are_here_at_once_leave_one_customer(database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B1", NOON)
        one, other = branch.customer("C1"), branch.customer("C2")
        branch.merged(one, other)
        branch.merged(other, one)
        branch.deliver()

    with database.reads() as session:
        assert together(session) == Counts(files=2, customers=1)


def test_a_file_merged_into_one_that_has_not_arrived_counts(database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B1", NOON)
        branch.merged(branch.customer("C1"), "01936f00-0000-7000-8000-000000000000")
        branch.deliver()

    with database.reads() as session:
        assert together(session) == Counts(files=1, customers=1)


def test_members_of_a_group_are_customers_of_their_own_and_its_top_is_one_in_all_branches(database):
    with database.sessions.begin() as session:
        for code in ("B1", "B2"):
            branch = add_branch(session, code, NOON)
            top = branch.customer("C1", kind=GROUP, group_no="G-1")
            branch.customer("C2", kind=GROUP, group_no="G-1", parent_id=top)
            branch.customer("C3", group_no="G-1")
            branch.deliver()

    with database.reads() as session:
        assert together(session) == Counts(files=6, customers=6, shared=1)


def company_of_three(session):
    """Two branches: one with two files of one customer, and a company that both serve."""
    first, second = add_branch(session, "B1", NOON), add_branch(session, "B2", NOON)
    manager = first.manager("M1")
    kept = first.customer("C1", manager_id=manager)
    merged = first.customer("C2", manager_id=manager)
    first.merged(merged, kept)
    for branch in (first, second):
        branch.customer("C3", name="两地公司", kind=GROUP, group_no="91330106MA27")
    first.bill(merged, 1_000)
    first.bill(kept, 2_000)
    first.deliver()
    second.deliver()
    return first, manager, kept, merged


def test_the_analysis_counts_customers_and_says_how_many_files_they_are(database):
    with database.sessions.begin() as session:
        company_of_three(session)
    asked = Question(Measure.CUSTOMERS, Dimension.BRANCH, None, OCTOBER, "CNY")
    by_file = Question(Measure.FILES, Dimension.BRANCH, None, OCTOBER, "CNY")

    with database.reads() as session:
        grid, files = queries.answer(session, asked), queries.answer(session, by_file)
        behind = drill.customers_behind(session, asked, offset=0, limit=10)
        behind_files = drill.customers_behind(session, by_file, offset=0, limit=10)
        charges = Question(Measure.CHARGES, Dimension.BRANCH, None, OCTOBER, "CNY")
        billed = drill.customers_behind(session, charges, offset=0, limit=10)

    assert (grid.total, files.total) == (3, 4)
    assert grid.counts == files.counts == Counts(files=4, customers=3, shared=1)
    assert (behind.count, behind.customers) == (3, 3)
    assert (behind_files.count, behind_files.customers) == (4, 3)
    assert (billed.count, billed.customers, billed.total) == (2, 1, 3_000)


def test_an_account_manager_holds_a_customer_with_merged_files_once(database):
    with database.sessions.begin() as session:
        branch, manager, kept, merged = company_of_three(session)
        branch.log(manager, NOON, merged)
        branch.deliver()

    calendar = Calendar.at(NOON, "Asia/Shanghai")
    with database.reads() as session:
        activity = oversight.board(session, calendar)[0].activity
        assert (activity.customers, activity.untouched_30) == (1, 0)
        found = session.scalars(select(ReplicaManager)).one()
        assert session.scalars(oversight.select_untouched(found, calendar, 30)).all() == []
        customer = session.get_one(ReplicaCustomer, (branch.number, kept))
        assert oversight.last_contacts(session, [customer]) == {(branch.number, kept): NOON}
        statement, _more = customers.select_customers(session, CustomerFilters(counted=True))
        assert merged not in {one.id for one in session.scalars(statement)}


def test_the_pages_name_files_and_customers_and_what_they_cover(client, database):
    with database.sessions.begin() as session:
        company_of_three(session)

    overview = client.get("/").get_data(as_text=True)
    analysis = client.get("/analysis/?measure=customers&rows=branch&cols=").get_data(as_text=True)
    listed = client.get("/customers/?files=customers").get_data(as_text=True)

    assert "4 files; 2 of 2 branches, as of" in overview
    assert "4 files, 2 customers." in overview
    assert "4 files, 2 customers." in analysis
    assert "Each customer once" in listed
    assert "C2" not in listed


def test_an_export_of_customers_says_how_many_files_they_are(client, database):
    with database.sessions.begin() as session:
        company_of_three(session)

    answer = client.get("/analysis/export.xlsx?measure=customers&rows=branch&cols=")

    about = load_workbook(io.BytesIO(answer.data)).worksheets[1]
    said = {row[0]: row[1] for row in about.iter_rows(values_only=True)}
    assert (said["Customer files"], said["Customers, by branch"], said["Customers in all branches"]) == (
        "4",
        "3",
        "2",
    )
