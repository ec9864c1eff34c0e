"""Head office's own kinds of documents: offered in the form, asked for what they ask, counted, readable for ever."""

import io
import re

import pytest
from sqlalchemy import select

from branch_node.archive import completing
from branch_node.customers.models import Customer
from branch_node.documents.models import Document
from branch_node.inbound import operations
from branch_node.inbound.models import InboundItem
from shared.db.base import instant_text
from shared.domain.archive.keeping import COMPLETE_INDIVIDUAL
from shared.domain.published.codes import parse_lines, write_codes
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.rules import write_rules
from shared.domain.qualification.standard import STANDARD
from shared.ids import new_id
from sync_protocol.contract.feed import APPLIED, FeedEntry, FeedPoint
from tests.integration.branch_node.documents.conftest import PDF
from tests.support.branch import ANA, NOON, SHANGHAI

KINDS = """
licence | 营业执照 | Business licence | valid until
tax | 完税证明 | Tax certificate | 编号、日期
deed | 房产证 | Deed | without an end
"""
SEQ = iter(range(1, 99))


@pytest.fixture
def take(sessions):
    """Take in an item as head office published it; returns its id."""

    def taken(kind, name, body, item="", version=1):
        made, seq = item or new_id(), next(SEQ)
        entry = FeedEntry(
            seq=seq,
            id=made,
            kind=kind,
            name=name,
            version=version,
            withdrawn=body is None,
            body=body,
            published_at=instant_text(NOON),
        )
        with sessions.begin() as session:
            operations.take_in(session, [entry], FeedPoint(seq=seq, digest="0" * 64), anew=False, by=ANA)
            session.flush()
            found = session.get_one(InboundItem, made)
            assert (found.outcome, found.reasons) == (APPLIED, [])
        return made

    return taken


@pytest.fixture
def published(take):
    return take("code_table", "document-kind", write_codes(parse_lines(KINDS, asking=True)))


def add(browser, customer, **said):
    form = {"file": (io.BytesIO(PDF), "a.pdf"), **said}
    return browser.send(f"/customers/{customer}/documents", content_type="multipart/form-data", **form)


def documents(sessions):
    with sessions() as session:
        return session.scalars(select(Document).order_by(Document.id)).all()


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ({"kind": "licence"}, "Papers of this kind need this"),
        ({"kind": "tax", "number": "7"}, "Papers of this kind need this"),
        ({"kind": "tax", "dated_on": "2026-01-01"}, "Papers of this kind need this"),
        ({"kind": "deed", "valid_until": "2030-01-01"}, "Papers of this kind have no end"),
        ({"kind": "contract"}, "Please choose one of the list"),
    ],
)
def test_a_paper_of_which_something_is_missing_that_its_kind_asks_for_is_not_kept(
    sessions, rows, browser, published, said, cure
):
    answer = add(browser, rows.customer(), **said)
    assert answer.status_code == 400
    assert cure in answer.text
    assert documents(sessions) == []


def test_the_form_offers_the_published_kinds_and_says_what_each_asks_for(sessions, rows, browser, published):
    customer = rows.customer()
    page = browser.get(f"/customers/{customer}/documents/new").text
    assert '<option value="tax">Tax certificate</option>' in page
    assert "Tax certificate: number, date" in page
    assert add(browser, customer, kind="tax", number="7", dated_on="2026-01-01").status_code == 200
    assert add(browser, customer, kind="deed").status_code == 200
    assert [one.kind for one in documents(sessions)] == ["tax", "deed"]


def test_the_pages_of_kinds_say_what_each_asks_for_and_what_counts_it(rows, browser, take, published):
    rule = {"code": "tax", "zh": "已完税", "en": "Tax paid", "applies_to": "group", "fact": "document:tax"}
    tested = {"test": "not_older", "value": 12, "effect": "require"}
    body = write_rules(STANDARD)
    take("rules", NAME, {**body, "rules": [*body["rules"], rule | tested]})
    take("policy", COMPLETE_INDIVIDUAL, {"value": ["address", "document:licence", "document:deed"]})
    by_rule, by_policy = "counted by: rule “Tax paid”", "counted by: What makes the file of a person complete"

    form = browser.get(f"/customers/{rows.customer()}/documents/new").text
    assert f"Tax certificate: number, date; {by_rule}" in form
    assert f"Business licence: valid until; {by_policy}" in form
    assert f"Deed: without an end; {by_policy}" in form

    page = " ".join(re.sub(r"<[^>]+>", " ", browser.get(f"/head-office/{published}").text).split())
    assert f"tax Tax certificate asks for: number, date {by_rule}" in page
    assert f"licence Business licence asks for: valid until {by_policy}" in page


def test_a_kind_that_is_withdrawn_stays_readable_and_is_neither_offered_nor_asks_for_anything(
    sessions, rows, browser, take, published
):
    customer = rows.customer()
    add(browser, customer, kind="tax", number="7", dated_on="2026-01-01")
    [paper] = documents(sessions)
    left = parse_lines("licence | 营业执照", parse_lines(KINDS, asking=True), asking=True)
    take("code_table", "document-kind", write_codes(left), published, 2)

    assert "Tax certificate" in browser.get(f"/documents/{paper.id}").text
    assert "Tax certificate" not in browser.get(f"/customers/{customer}/documents/new").text
    known = {"kind": "tax", "name": "完税证明", "seen_at": paper.updated_at.isoformat()}
    assert browser.send(f"/documents/{paper.id}", **known).status_code == 200
    assert documents(sessions)[0].number is None

    take("code_table", "document-kind", None, published, 3)
    assert "Tax certificate" in browser.get(f"/documents/{paper.id}").text
    assert (
        '<option value="contract">Contract</option>'
        in browser.get(f"/customers/{customer}/documents/new").text
    )


def test_a_published_kind_counts_for_a_complete_file_and_for_a_qualification(
    sessions, rows, browser, take, published
):
    customer = rows.customer(mobile="13800000001")
    take("policy", COMPLETE_INDIVIDUAL, {"value": ["mobile", "document:tax"]})
    rule = {"code": "tax", "zh": "完税", "en": "", "applies_to": "all", "fact": "document:tax"}
    body = write_rules(STANDARD)
    body["rules"].append({**rule, "test": "in_force", "value": None, "effect": "require"})
    take("rules", NAME, body)

    def complete():
        with sessions() as session:
            found = session.get_one(Customer, customer)
            return completing.completeness_of(session, found, NOON, SHANGHAI).percent

    assert complete() == 66
    assert "Tax certificate in force" in browser.get(f"/customers/{customer}/profile").text
    assert "Tax certificate is in force" in browser.get("/qualifications/rules").text
    add(browser, customer, kind="tax", number="7", dated_on="2026-01-01")
    assert complete() == 100
