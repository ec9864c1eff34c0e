"""Customers of a file who are here already: named by the check, decided by people, taken in as they said."""

import pytest
from sqlalchemy import func, select

from branch_node.customers.models import Customer
from branch_node.duplicates.jobs import find_duplicates
from branch_node.identity.models import CustomerIdentity
from branch_node.imports import choosing, operations, queries, wizard
from branch_node.imports.mapping import ColumnMap
from branch_node.imports.models import ImportMatch, ImportState, MatchChoice
from branch_node.imports.operations import WrongStateError
from shared.audit.models import AuditEntry
from shared.files.tables import sha256
from shared.ids import new_id
from shared.jobs.job import Progress
from tests.support.branch import ANA, NOON

HEADINGS = "customer_no,kind,name,id_no,mobile,address"
LI = ("N1", "individual", "李小明", "440103199001011234", "13812345678", "人民路12号3栋")


@pytest.fixture
def here(rows, database):
    """A customer who is here, as the finder knows them."""
    known = rows.customer(
        customer_no="C-OLD",
        name="李晓明",
        id_no="440103199001011234",
        mobile="13812345678",
        remark="老客户",
    )
    find_duplicates(type("Runtime", (), {"database": database})(), ANA, Progress())
    return known


@pytest.fixture
def check(importer):
    """Check a file as the wizard does, and return its number and how it is gone on with."""

    def checked(path, update_by=None):
        job = importer.job("customers", path, update_by=update_by)
        begin = importer.database.sessions.begin
        with begin() as session:
            at = operations.start_import(
                session,
                job,
                file_name=path.name,
                sha256=sha256(path),
                column_map=ColumnMap(),
                state=ImportState.CHECKING,
            ).id
        operations.go_on(begin, at, job, budget=None)
        return at, job

    return checked


def choose(importer, at, said):
    with importer.database.sessions.begin() as session:
        choosing.choose(session, at, said, by=ANA)


def take_in(importer, at, job):
    with importer.database.sessions.begin() as session:
        wizard.confirm(session, at, by=ANA)
    operations.go_on(importer.database.sessions.begin, at, job, budget=None)
    return importer.read(at)


def matches(importer, at):
    with importer.database.reads() as session:
        return {match.row: match for match in queries.list_matches(session, at, limit=50)}


def test_the_check_names_who_is_here_already_and_rows_that_are_one_person(importer, check, here):
    twin = ("N2", "individual", "王大力", "440103198505056789", "13987654321", "中山路8号")
    at, _job = check(
        importer.table("c.csv", HEADINGS, [LI, twin, ("N3", *twin[1:]), ("N4", "group", "甲公司")])
    )
    found = matches(importer, at)
    assert {row: (match.other_id, match.other_row) for row, match in found.items()} == {
        2: (here, None),
        4: (None, 3),
    }
    assert all(match.score >= choosing.CERTAIN and match.choice is None for match in found.values())


def test_a_dry_run_of_the_command_names_them_too(importer, here):
    job = importer.job("customers", importer.table("c.csv", HEADINGS, [LI]))
    outcomes = list(operations.dry_run(importer.database.reads, job))
    assert [(match.line, match.other_id) for one in outcomes for match in one.matches] == [(2, here)]


def test_whoever_is_very_likely_here_has_to_be_decided_before_the_file_comes_in(importer, check, here):
    at, job = check(importer.table("c.csv", HEADINGS, [LI]))
    with pytest.raises(choosing.UndecidedError), importer.database.sessions.begin() as session:
        wizard.confirm(session, at, by=ANA)
    choose(importer, at, {2: MatchChoice.NEW})
    assert take_in(importer, at, job).counts == (1, 0, 0, 0)


def test_a_row_that_updates_the_one_who_is_here_keeps_both_numbers_and_undo_gives_back_what_was(
    importer, check, here
):
    before = importer.all(Customer)
    at, job = check(importer.table("c.csv", HEADINGS, [LI]))
    choose(importer, at, {2: MatchChoice.UPDATE})
    assert take_in(importer, at, job).counts == (0, 1, 0, 0)
    (now,) = importer.all(Customer)
    assert (now.id, now.customer_no, now.legacy_no, now.address, now.remark) == (
        here,
        "C-OLD",
        "N1",
        "人民路12号3栋",
        "老客户",
    )
    importer.undo(at)
    told = list(Customer.__table__.c.keys())
    assert [[getattr(one, name) for name in told] for one in importer.all(Customer)] == [
        [getattr(one, name) for name in told] for one in before
    ]


def test_a_row_that_is_left_out_stands_in_the_report_with_its_reason(importer, check, here):
    at, job = check(importer.table("c.csv", HEADINGS, [LI]))
    choose(importer, at, {2: MatchChoice.LEAVE})
    taken = take_in(importer, at, job)
    assert (taken.counts, [one["code"] for one in taken.refused]) == ((0, 0, 0, 1), ["left-out"])
    assert matches(importer, at)[2].choice is MatchChoice.LEAVE


def test_all_alike_are_decided_in_one_go_but_only_one_row_updates_a_customer(importer, check, here):
    at, job = check(importer.table("c.csv", HEADINGS, [LI, ("N2", *LI[1:])]))
    with importer.database.sessions.begin() as session:
        assert choosing.choose_all(session, at, MatchChoice.UPDATE, by=ANA) == 1
        assert choosing.choose_all(session, at, MatchChoice.LEAVE, by=ANA) == 1
    assert take_in(importer, at, job).counts == (0, 1, 0, 1)
    with importer.database.reads() as session:
        noted = session.scalars(select(AuditEntry.details).where(AuditEntry.event == "import.decided")).all()
    assert [one["decision"] for one in noted] == ["update 1", "leave 1"]


def test_two_rows_never_update_one_customer(importer, check, here):
    at, _job = check(importer.table("c.csv", HEADINGS, [LI, ("N2", *LI[1:])]))
    with pytest.raises(choosing.CannotChooseError):
        choose(importer, at, {2: MatchChoice.UPDATE, 3: MatchChoice.UPDATE})
    assert {one.choice for one in matches(importer, at).values()} == {None}


def test_a_row_chosen_to_update_and_one_that_finds_the_same_customer_are_not_both_taken(
    importer, check, here
):
    with importer.database.sessions.begin() as session:
        session.get(Customer, here).legacy_no = None
    path = importer.table("c.csv", HEADINGS, [LI, ("C-OLD", "individual", "李晓明", "", "", "别处")])
    at, job = check(path, update_by="customer_no")
    choose(importer, at, {2: MatchChoice.UPDATE})
    taken = take_in(importer, at, job)
    assert (taken.counts, [one["code"] for one in taken.refused]) == ((0, 1, 0, 1), ["changed-by-row"])


def test_what_looks_like_a_merged_file_looks_like_whom_it_was_merged_into(importer, check, here, rows):
    other = rows.customer(name="完全不同")
    with importer.database.sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=here, identity_id=other, merged_at=NOON, merged_by="ana"
            )
        )
    at, _job = check(importer.table("c.csv", HEADINGS, [LI]))
    assert matches(importer, at)[2].other_id == other


def test_what_was_said_outlives_another_check_and_goes_with_the_upload(importer, check, here):
    at, job = check(importer.table("c.csv", HEADINGS, [LI]))
    choose(importer, at, {2: MatchChoice.NEW})
    begin = importer.database.sessions.begin
    with begin() as session:
        wizard.start_check(session, at, job.plan.context, column_map=ColumnMap(), update_by=None)
    operations.go_on(begin, at, job, budget=None)
    assert matches(importer, at)[2].choice is MatchChoice.NEW
    with begin() as session:
        wizard.discard(session, at)
        assert session.scalar(select(func.count()).select_from(ImportMatch)) == 0


def test_a_check_that_was_left_off_compares_with_earlier_rows_still_but_not_with_refused_ones(
    importer, monkeypatch
):
    monkeypatch.setattr(operations, "CHUNK", 2)
    other = ("individual", "王大力", "440103198505056789", "13987654321", "中山路8号")
    path = importer.table(
        "c.csv", HEADINGS, [LI, ("X", *other), ("X", *other), ("N3", *LI[1:]), ("N5", *other)]
    )
    job = importer.job("customers", path)
    begin = importer.database.sessions.begin
    with begin() as session:
        at = operations.start_import(
            session,
            job,
            file_name="c.csv",
            sha256="0",
            column_map=ColumnMap(),
            state=ImportState.CHECKING,
        ).id
    while not operations.go_on(begin, at, job, budget=lambda: False):
        pass
    assert {row: one.other_row for row, one in matches(importer, at).items()} == {5: 2, 6: 3}


def test_nothing_is_chosen_of_a_file_that_is_in(importer, check, here):
    at, job = check(importer.table("c.csv", HEADINGS, [LI]))
    choose(importer, at, {2: MatchChoice.NEW})
    take_in(importer, at, job)
    with pytest.raises(WrongStateError):
        choose(importer, at, {2: MatchChoice.LEAVE})
