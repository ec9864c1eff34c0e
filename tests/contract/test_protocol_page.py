"""docs/protocol.md is true: every example is read and checked, every table compared with the code."""

import re
from datetime import UTC, datetime

import msgspec
import pytest

from shared.domain.published.rules import problem_of
from sync_protocol.apply import Wait
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.canonical import read_canonical
from sync_protocol.contract.codes import PROBLEM_TYPE, find_problem
from sync_protocol.contract.feed import FeedPage, FeedReceipts, FeedReceiptsAnswer
from sync_protocol.contract.keys import (
    CHAIN,
    COMPARE,
    ENROLMENT,
    FEED,
    FEED_RECEIPTS,
    LOG,
    LOG_END,
    NEXT_KEY,
    PARKED,
    RECEIPT,
    RECOVERY,
    STATE,
    check_message,
    encode_key,
    key_id,
    public_key_of,
)
from sync_protocol.contract.messages import (
    Barrier,
    BatchHeader,
    ChainPage,
    CompareAnswer,
    CompareRequest,
    EnrolmentAnswer,
    EnrolmentRequest,
    KeyAnswer,
    KeyRequest,
    LineageRequest,
    LogAnswer,
    LogReport,
    ParkedPage,
    Receipt,
    RecoveryPage,
    StateAnswer,
)
from sync_protocol.contract.payload import parse_payload
from sync_protocol.contract.signing import Message, verify_request
from sync_protocol.reconcile import bucket_of, line_digest
from tests.contract.protocol_page import (
    PAGE,
    blocks_without_title,
    catalog_table,
    examples,
    problem_table,
    record_table,
)

BRANCH_KEY, HQ_KEY = bytes(range(32)), bytes(range(32, 64))
EXAMPLES = examples()
USED = {
    "log-answer",
    "log-report",
    "cycle",
    "enrolment-request",
    "enrolment-answer",
    "state-answer",
    "chain-answer",
    "recovery-answer",
    "lineage-request",
    "batch",
    "push-request",
    "receipt-answer",
    "problem",
    "barrier",
    "compare-request",
    "compare-answer",
    "key-request",
    "key-answer",
    "parked-answer",
    "feed-answer",
    "feed-receipts-request",
    "feed-receipts-answer",
    *(f"row-{name}" for name in CATALOG),
}


def _text(title):
    return EXAMPLES[title][1].removesuffix("\n")


def _canonical(title):
    return read_canonical(_text(title).encode())


def _batch():
    return parse_payload(EXAMPLES["batch"][1].encode())


def test_every_example_has_a_title_and_a_check():
    assert blocks_without_title() == []
    assert set(EXAMPLES) == USED


def test_the_enrolment_of_the_page_is_proven_by_its_key():
    asked = _canonical("enrolment-request")

    msgspec.convert(asked, EnrolmentRequest, strict=True)
    assert asked["public_key"] == encode_key(public_key_of(BRANCH_KEY))
    claim = {name: asked[name] for name in ("code", "node", "public_key")}
    check_message(public_key_of(BRANCH_KEY), ENROLMENT, claim, asked["proof"])
    assert msgspec.convert(_canonical("enrolment-answer"), EnrolmentAnswer).hq_public_key == encode_key(
        public_key_of(HQ_KEY)
    )


def test_the_telling_of_the_page_answers_what_head_office_asks_for():
    report = msgspec.convert(_canonical("log-report"), LogReport, strict=True)
    assert report.known is not None
    assert report.archive_known is not None
    assert report.upkeep is not None
    assert report.upkeep.is_plausible()
    asked = _canonical("log-answer")["log"]
    assert (report.known.seq, report.archive_known.seq) == (asked["ask"], asked["ask_archive"])


def test_the_end_of_head_office_s_log_on_the_page_is_signed_by_it():
    state = msgspec.convert(_canonical("state-answer")["state"], StateAnswer)
    assert state.log is not None
    check_message(public_key_of(HQ_KEY), LOG_END, state.log.signed(state.hq), state.log.signature)


@pytest.mark.parametrize(
    ("title", "part", "purpose", "kind"),
    [
        ("state-answer", "state", STATE, StateAnswer),
        ("receipt-answer", "receipt", RECEIPT, Receipt),
        ("chain-answer", "chain", CHAIN, ChainPage),
        ("recovery-answer", "recovery", RECOVERY, RecoveryPage),
        ("compare-answer", "compare", COMPARE, CompareAnswer),
        ("key-answer", "key", NEXT_KEY, KeyAnswer),
        ("parked-answer", "parked", PARKED, ParkedPage),
        ("log-answer", "log", LOG, LogAnswer),
        ("feed-answer", "feed", FEED, FeedPage),
        ("feed-receipts-answer", "kept", FEED_RECEIPTS, FeedReceiptsAnswer),
    ],
)
def test_the_answers_of_the_page_are_signed_by_its_hq_and_hold_every_member(title, part, purpose, kind):
    document = _canonical(title)

    check_message(public_key_of(HQ_KEY), purpose, document[part], document["signature"])
    msgspec.convert(document[part], kind)
    members = {one.name for one in msgspec.structs.fields(kind) if one.default is not msgspec.UNSET}
    assert members <= set(document[part]) <= set(kind.__struct_fields__)


def test_the_barrier_of_the_page_counts_the_row_of_its_batch_beside_its_own_type():
    barrier = msgspec.convert(_canonical("barrier"), Barrier)
    batch = _batch()

    assert isinstance(barrier.beside, dict)
    [(name, held)] = barrier.beside.items()
    digest = line_digest(CATALOG[name].check, batch.block)
    bucket = bucket_of(msgspec.json.decode(batch.block)[1])
    assert held.buckets == {bucket: (held.rows, f"{digest:032x}")}
    assert (name, held.schema, held.after) == (
        batch.header.record,
        batch.header.schema,
        batch.header.batch_no,
    )


def test_the_new_lineage_of_the_page_forks_at_a_batch_of_its_chain_and_its_recovered_rows_are_good():
    asked = msgspec.convert(_canonical("lineage-request"), LineageRequest)
    chain = _canonical("chain-answer")["chain"]
    recovery = _canonical("recovery-answer")["recovery"]

    assert list(asked.forked_at[chain["channel"]]) in chain["entries"]
    lines = b"\n".join(msgspec.json.encode(row) for row in recovery["rows"])
    assert CATALOG[recovery["record"]].check.accepts_block(lines) is not None


def test_the_next_key_of_the_page_is_proven_and_its_answer_names_it():
    asked = msgspec.convert(_canonical("key-request"), KeyRequest, strict=True)
    next_key = public_key_of(bytes(range(64, 96)))

    assert asked.public_key == encode_key(next_key)
    claim = {"node": _canonical("enrolment-request")["node"], "public_key": asked.public_key}
    check_message(next_key, NEXT_KEY, claim, asked.proof)
    assert _canonical("key-answer")["key"]["key"] == key_id(next_key)


def test_the_list_of_refused_rows_counts_as_the_state_does_and_gives_the_reasons_of_the_check():
    page = msgspec.convert(_canonical("parked-answer")["parked"], ParkedPage)

    assert page.total == len(page.entries) == _canonical("state-answer")["state"]["parked"]
    refused, waiting = page.entries
    row = dict(zip(CATALOG["customer"].check.columns, _canonical("row-customer"), strict=True))
    line = msgspec.json.encode(list((row | {"kind": "alien"}).values()))
    assert refused.reasons == CATALOG["customer"].check.refuse_line(line)
    assert (refused.id, refused.change) == (row["id"], row["change"])
    assert waiting.reasons == Wait("customer_id", "customer", row["id"]).reasons


def test_the_feed_of_the_page_leads_where_the_state_says_and_its_receipts_tell_of_each_item():
    state = _canonical("state-answer")["state"]
    page = msgspec.convert(_canonical("feed-answer")["feed"], FeedPage)
    told = msgspec.convert(_canonical("feed-receipts-request"), FeedReceipts, strict=True)

    assert (page.head.seq, page.head.digest) == (state["feed"]["seq"], state["feed"]["digest"])
    assert page.head == told.through
    assert [(one.id, one.version) for one in told.receipts] == [(one.id, one.version) for one in page.entries]
    assert told.number == state["feed"]["receipts"] + 1
    assert told.number == _canonical("feed-receipts-answer")["kept"]["number"]
    good = [problem_of(one.kind, one.name, one.body) for one in page.entries if one.body is not None]
    assert good == [None]


def test_the_parents_of_the_page_are_those_of_the_catalog():
    told = PAGE.read_text().split("### 11. What was refused")[1].split("goes in by itself")[0]
    named = set(re.findall(r"`(\w+_id)`", told))

    assert named == {column for record in CATALOG.values() for column in record.parents}


def test_the_batch_of_the_page_is_whole_follows_the_state_and_gets_the_receipt():
    batch, state, receipt = (
        _batch(),
        _canonical("state-answer")["state"],
        _canonical("receipt-answer")["receipt"],
    )
    head = state["channels"][batch.header.channel]

    assert (batch.header.batch_no, batch.header.prev_digest) == (head["batch_no"] + 1, head["digest"])
    assert (receipt["batch_no"], receipt["digest"]) == (batch.header.batch_no, batch.digest)
    assert CATALOG[batch.header.record].check.accepts_block(batch.block) is not None


def test_the_table_of_header_members_names_all_of_them():
    table = PAGE.read_text().split("| Header member | Meaning |")[1].split("\n\n")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }
    assert named == set(BatchHeader.__struct_fields__)


def test_the_request_of_the_page_is_signed_over_that_batch():
    first, *lines = _text("push-request").split("\n\n")[0].splitlines()
    method, path, _version = first.split()
    headers = dict(line.split(": ", 1) for line in lines)
    body = EXAMPLES["batch"][1].encode()
    message = Message(method, f"https://{headers.pop('host')}{path}", headers, body)

    signed = verify_request(
        message,
        public_keys={key_id(public_key_of(BRANCH_KEY)): public_key_of(BRANCH_KEY)},
        now=datetime(2026, 11, 20, 4, 0, tzinfo=UTC),
    )

    assert signed.nonce
    assert headers["idempotency-key"] == _batch().idempotency_key


def test_the_row_digest_of_the_page_is_that_of_its_row():
    batch = _batch()
    assert f"`{line_digest(CATALOG[batch.header.record].check, batch.block):032x}`" in PAGE.read_text()


def test_the_comparison_of_the_page_tells_the_digest_of_that_row():
    asked = msgspec.convert(_canonical("compare-request"), CompareRequest)
    batch = _batch()
    record_id = msgspec.json.decode(batch.block)[1]

    digest = f"{line_digest(CATALOG[asked.record].check, batch.block):032x}"
    assert asked.buckets == {bucket_of(record_id): [(record_id, digest)]}


def test_the_problem_of_the_page_is_as_the_register_says():
    document = msgspec.json.decode(_text("problem"))
    problem = find_problem(document["type"].removeprefix(PROBLEM_TYPE))
    assert problem is not None
    kind = problem.value
    assert (document["status"], document["retry"], document["title"]) == (
        kind.status,
        kind.retry,
        kind.meaning,
    )


@pytest.mark.parametrize("name", CATALOG)
def test_each_record_has_its_table_and_an_example_that_is_accepted(name):
    page = PAGE.read_text()

    assert f"### {name}\n\n{record_table(name)}\n" in page
    assert CATALOG[name].check.accepts_block(_text(f"row-{name}").encode()) is not None


def test_the_tables_of_problems_and_record_types_are_the_codes_own():
    assert problem_table() in PAGE.read_text()
    assert catalog_table() in PAGE.read_text()


def test_every_heading_the_page_links_to_is_there():
    page = PAGE.read_text()
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= headings
