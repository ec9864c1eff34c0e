"""Keeping documents: stored once, whole or told, moved with a merge and back, gone with an erasure."""

import io
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from branch_node.archive.models import ArchiveEntry
from branch_node.archive.queries import read_content
from branch_node.documents import jobs, operations, queries
from branch_node.documents.alarms import DOCUMENTS_DAMAGED
from branch_node.documents.errors import DocumentDamagedError, DocumentNotFoundError, DocumentRetiredError
from branch_node.documents.jobs import check as check_stored
from branch_node.documents.models import Document, DocumentChunk, DocumentVersion
from branch_node.documents.sniffing import MB, check
from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known
from branch_node.identity.queries import CustomerMergedError
from branch_node.merging import operations as merging
from branch_node.personal.answers import gather
from branch_node.personal.erasing import erase
from shared.alarms.models import Alarm
from shared.db.search_followed import index_changed
from shared.domain.erasure.vocabulary import ErasureReason
from shared.jobs.job import Progress
from shared.rights.vocabulary import StaffKind
from shared.web.finding.finder import counted
from tests.integration.branch_node.documents.conftest import PDF, PNG, WIDE, checked
from tests.support.branch import ANA, NOON

LATER = replace(ANA, at=NOON + timedelta(hours=1))


@pytest.fixture
def indexed(sessions):
    """Have the job index every document there is."""

    def index():
        with sessions.begin() as session:
            for followed, words in jobs.INDEXES:
                index_changed(session, followed, words)

    return index


def _chunks(sessions):
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(DocumentChunk))


def _content(sessions, document_id, no=1):
    sink = io.BytesIO()
    with sessions() as session:
        queries.copy_content(session, queries.get_version(session, document_id, no), sink)
    return sink.getvalue()


def _merge(sessions, survivor, loser):
    with sessions.begin() as session:
        merge = merging.propose(session, survivor, loser, (), by=replace(LATER, actor="li"))
        return merging.carry_out(session, merge.id, by=LATER).id


def _erase(sessions, customer_id):
    with sessions.begin() as session:
        erase(session, Known.now(customer_id, ErasureReason.REQUEST, LATER), by=LATER)


def test_the_same_bytes_are_stored_once_a_customer(sessions, rows, keep):
    one, other = rows.customer(), rows.customer()
    papers = [keep(one, PDF, "a.pdf"), keep(one, PDF, "b.pdf"), keep(other, PDF, "c.pdf")]

    assert _chunks(sessions) == 2
    assert [_content(sessions, at) for at in papers] == [PDF] * 3
    with sessions() as session:
        assert queries.stored_bytes(session) == 2 * len(PDF)


def test_memory_stays_flat_however_large_a_file_is(sessions, rows, tmp_path):
    path = tmp_path / "large.pdf"
    path.write_bytes(PDF + bytes(12 * MB))
    customer_id = rows.customer()
    tracemalloc.start()
    try:
        with path.open("rb") as stream, sessions.begin() as session:
            file = check(stream, "large.pdf", most_mb=20)
            [kept] = operations.add_documents(
                session, customer_id, [file], {"kind": "photo"}, room=WIDE, by=ANA
            )
            document_id = kept.id
        with sessions() as session, (tmp_path / "copy").open("wb") as sink:
            queries.copy_content(session, queries.get_version(session, document_id, 1), sink)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert most < 6 * MB


def test_a_damaged_byte_is_told_and_given_to_nobody(sessions, rows, app, browser, keep):
    paper, whole = keep(rows.customer()), keep(rows.customer(), PNG, "a.png")
    runtime = app.extensions["branchline"]
    assert check_stored(runtime, LATER, Progress()).counts == {"read": 2, "damaged": 0}
    with sessions.begin() as session:
        session.execute(
            update(DocumentChunk)
            .where(DocumentChunk.version_id == queries.get_version(session, paper, 1).id)
            .values(data=PDF.replace(b"Catalog", b"Katalog"))
        )

    with pytest.raises(DocumentDamagedError):
        _content(sessions, paper)
    answer = browser.get(f"/documents/{paper}/versions/1/file")
    assert answer.status_code == 503
    assert b"Katalog" not in answer.data
    assert browser.get(f"/documents/{whole}/versions/1/file").data == PNG
    assert check_stored(runtime, LATER, Progress()).counts == {"read": 2, "damaged": 1}
    with sessions() as session:
        alarm = session.scalars(select(Alarm)).one()
    assert (alarm.code, alarm.details["document"]) == (DOCUMENTS_DAMAGED.code, paper)


def test_a_missing_piece_is_told_too(sessions, rows, keep):
    paper = keep(rows.customer())
    with sessions.begin() as session:
        session.execute(delete(DocumentChunk))
    with pytest.raises(DocumentDamagedError):
        _content(sessions, paper)


def test_documents_move_with_a_merge_and_come_back_whole(sessions, rows, keep):
    survivor, loser = rows.customer(), rows.customer()
    stays, moves = keep(survivor, PNG, "stays.png"), keep(loser, PDF, "moves.pdf")

    merge_id = _merge(sessions, survivor, loser)
    with sessions() as session:
        assert {one.customer_id for one in session.scalars(select(Document))} == {survivor}
        assert {one.customer_id for one in session.scalars(select(DocumentVersion))} == {survivor}
    # While they are one, each paper gets the bytes of the other as a version: stored once.
    with sessions.begin() as session:
        operations.add_version(session, stays, checked(PDF), room=WIDE, by=LATER)
        operations.add_version(session, moves, checked(PNG, "a.png"), room=WIDE, by=LATER)
    assert _chunks(sessions) == 2

    with sessions.begin() as session:
        merging.take_back(session, merge_id, by=replace(LATER, at=NOON + timedelta(days=1)))

    with sessions() as session:
        owners = {one.id: one.customer_id for one in session.scalars(select(Document))}
        homes = {one.id: one.customer_id for one in session.scalars(select(DocumentVersion))}
        for version in session.scalars(select(DocumentVersion)):
            assert homes[version.content_of] == version.customer_id
    assert owners == {stays: survivor, moves: loser}
    assert [_content(sessions, stays, no) for no in (1, 2)] == [PNG, PDF]
    assert [_content(sessions, moves, no) for no in (1, 2)] == [PDF, PNG]
    _erase(sessions, loser)
    assert [_content(sessions, stays, no) for no in (1, 2)] == [PNG, PDF]


def test_a_merged_file_takes_no_documents(sessions, rows, keep):
    survivor, loser = rows.customer(), rows.customer()
    _merge(sessions, survivor, loser)
    with pytest.raises(CustomerMergedError):
        keep(loser)


def test_an_erasure_takes_bytes_names_and_titles_and_nothing_is_added_after(sessions, rows, keep):
    goes, stays = rows.customer(), rows.customer()
    paper = keep(goes, PDF, "canary.pdf", number="canary-7", remark="canary", name="canary")
    other = keep(stays, PNG, "a.png")

    _erase(sessions, goes)

    with sessions() as session:
        document = session.get_one(Document, paper)
        version = queries.get_version(session, paper, 1)
    assert (document.name, document.number, document.remark) == ("erased", None, None)
    assert (version.file_name, version.content_digest) == ("erased", None)
    assert _chunks(sessions) == 1
    assert _content(sessions, other) == PNG
    with pytest.raises(DocumentNotFoundError):
        _content(sessions, paper)
    with pytest.raises(CustomerErasedError):
        keep(goes)
    with pytest.raises(DBAPIError), sessions.begin() as session:
        session.execute(update(Document).where(Document.id == paper).values(name="back again"))


def test_a_retired_document_takes_no_version_until_it_is_restored(sessions, rows, keep):
    paper = keep(rows.customer())
    with sessions.begin() as session:
        operations.retire(session, paper, reason="signed anew", by=LATER)
    with pytest.raises(DocumentRetiredError), sessions.begin() as session:
        operations.add_version(session, paper, checked(PNG, "a.png"), room=WIDE, by=LATER)
    with sessions.begin() as session:
        operations.restore(session, paper, by=LATER)
    with pytest.raises(DocumentRetiredError), sessions.begin() as session:
        operations.restore(session, paper, by=LATER)
    with sessions() as session:
        document = session.get_one(Document, paper)
    assert (document.retired_at, document.retire_reason) == (None, None)


def test_documents_are_found_by_title_number_file_and_kind(sessions, rows, keep):
    customer_id = rows.customer()
    paper = keep(customer_id, PDF, "scan_17.pdf", name="机房租赁合同", number="HT-2026-9", kind="contract")
    keep(customer_id, PNG, "front.png", kind="photo")

    for text in ("租赁", "ht-2026", "scan_17", "Contract", "合同"):
        with sessions() as session:
            hits, total = queries.found(session, text, queries.kind_words(session), 5)
        assert ([hit[0].id for hit in hits], total) == ([paper], 1), text
    with sessions() as session:
        assert queries.found(session, "scan%17", {}, 5) == ([], 0)


def test_indexed_documents_are_found_by_a_character_a_beginning_an_end_and_what_the_newest_file_is_called(
    sessions, rows, keep, indexed
):
    paper = keep(rows.customer(), PDF, "scan_17.pdf", name="機房租赁合同", number="HT-2026-90871")
    keep(rows.customer(), PNG, "front.png", name="照片", kind="photo")
    indexed()

    def hits(text):
        with sessions() as session:
            words = queries.kind_words(session)
            found, total = queries.found(session, text, words, 5)
            assert counted(session, queries.select_found(session, text, words)) == (len(found), False)
            assert total == len(found)
        return [hit[0].id for hit in found]

    for text in (
        "房",
        "赁",
        "机房",
        "租赁合同",
        "zulin",
        "zlht",
        "ht2026",
        "90871",
        "0871",
        "scan",
        "SCAN 17",
    ):
        assert hits(text) == [paper], text
    assert hits("房 照") == hits("%") == hits("can") == []

    with sessions.begin() as session:
        document = operations.add_version(session, paper, checked(PNG, "new.png"), room=WIDE, by=LATER)
        document.name = "仓库"
    assert hits("机房") == hits("scan") == []
    indexed()
    assert hits("机房") == hits("scan") == []
    assert hits("库") == hits("new") == [paper]


def test_the_copy_a_person_asks_for_lists_their_documents(sessions, rows, keep):
    customer_id = rows.customer()
    keep(customer_id, PDF, "contract.pdf", name="Miete")
    with sessions() as session:
        told = gather(session, customer_id, at=NOON)
    assert [one["name"] for one in told["documents"]] == ["Miete"]
    assert [one["file_name"] for one in told["document_versions"]] == ["contract.pdf"]


def test_the_retained_archive_seals_what_a_document_was_with_its_digest(sessions, rows, browser, keep):
    customer_id = rows.customer()
    keep(customer_id, PDF, "contract.pdf", name="Miete")
    browser.send(f"/archive/customers/{customer_id}", reason="contract ended")

    with sessions() as session:
        entry = session.scalars(select(ArchiveEntry)).one()
        content = read_content(session, entry)
        assert content is not None
        [told] = content["documents"]
        assert told["digest"] == queries.list_versions(session, told["id"])[0].content_digest
        entry_id = entry.id
    assert (told["name"], told["version"], told["size"]) == ("Miete", 1, len(PDF))
    page = browser.get(f"/archive/{entry_id}").text
    assert told["digest"][:16] in page


def test_the_search_box_finds_documents_of_customers_somebody_sees(rows, browser, make_user, sign_in, keep):
    mine, others = rows.manager(), rows.manager()
    keep(rows.customer(manager_id=mine), PDF, "a.pdf", name="机房租赁合同")
    keep(rows.customer(manager_id=others), PDF, "b.pdf", name="机房转租合同")
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)

    page = sign_in("li").get("/search?q=机房").text
    assert "机房租赁合同" in page
    assert "机房转租合同" not in page
