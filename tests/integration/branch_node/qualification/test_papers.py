"""Rules that ask for papers: judged from the customer's documents, told with the paper, ended by its last day."""

from datetime import date, timedelta

import pytest

from branch_node.archive import completing
from branch_node.customers.models import Customer
from branch_node.documents.models import Document, DocumentVersion
from branch_node.qualification import operations, queries
from branch_node.qualification.errors import JudgedStaleError
from shared.domain.archive.keeping import COMPLETE_INDIVIDUAL
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.replaying import replay
from shared.domain.qualification.rules import read_line, write_rules
from shared.domain.qualification.standard import STANDARD
from shared.ids import new_id
from tests.integration.branch_node.qualification.test_judging import TERMS, approve, good, judge, stored
from tests.support.branch import ANA, NOON, SHANGHAI

TODAY = TERMS.today
LICENCE = {
    "code": "has-licence",
    "zh": "营业执照有效",
    "fact": "document:licence",
    "test": "in_force",
    "value": None,
}
COPY = {
    "code": "fresh-copy",
    "zh": "证件复印件够新",
    "fact": "document:identity",
    "test": "not_older",
    "value": 6,
}


@pytest.fixture
def asked(publish):
    """Head office asks for papers beside the rules built in."""

    def ask(*rules):
        body = write_rules(STANDARD)
        body["rules"] += [{"en": "", "applies_to": "all", "effect": "require", **one} for one in rules]
        publish(ItemKind.RULES, NAME, body, version=4)

    return ask


@pytest.fixture
def keep(sessions):
    """Keep a paper of a customer; returns its id."""

    def kept(customer, kind="licence", added_at=NOON, **values):
        made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
        document, version = new_id(), new_id()
        with sessions.begin() as session:
            session.add(
                Document(id=document, customer_id=customer, kind=kind, name="x", versions=1, **made, **values)
            )
            session.flush()
            session.add(
                DocumentVersion(
                    id=version,
                    document_id=document,
                    customer_id=customer,
                    no=1,
                    file_name="x.pdf",
                    form="pdf",
                    size=1,
                    content_digest="0" * 64,
                    content_of=version,
                    added_at=added_at,
                    added_by="ana",
                )
            )
        return document

    return kept


def line_of(found, rule):
    return next(line for text in found.lines if (line := read_line(text)).rule == rule)


def test_the_paper_that_decides_is_named_and_ends_the_qualification_with_its_last_day(
    rows, sessions, asked, keep
):
    asked(LICENCE)
    customer = good(rows)
    keep(customer, valid_until=TODAY + timedelta(days=3))
    lasting = keep(customer, dated_on=date(2020, 1, 5), valid_until=TODAY + timedelta(days=20))
    keep(customer, valid_until=TODAY + timedelta(days=60), retired_at=NOON, retired_by="ana")

    approve(sessions, judge(sessions, customer))

    [found] = stored(sessions, customer)
    last = TODAY + timedelta(days=20)
    assert line_of(found, "has-licence").datum == (lasting, "2020-01-05", last.isoformat())
    assert (found.outcome, found.next_review_on) == ("passed", last)
    with sessions.begin() as session:
        assert operations.expire(session, last, limit=9, by=ANA) == 0
        assert operations.expire(session, last + timedelta(days=1), limit=9, by=ANA) == 1
    assert stored(sessions, customer)[0].state == "expired"


@pytest.mark.parametrize(
    ("paper", "passes"),
    [
        (None, False),
        ({}, True),
        ({"valid_until": TODAY}, True),
        ({"valid_until": TODAY - timedelta(days=1)}, False),
        ({"kind": "contract"}, False),
        ({"retired_at": NOON, "retired_by": "ana"}, False),
    ],
)
def test_a_paper_counts_for_a_rule_exactly_while_it_counts_for_a_complete_file(
    rows, sessions, publish, asked, keep, paper, passes
):
    asked(LICENCE)
    publish(ItemKind.POLICY, COMPLETE_INDIVIDUAL, {"value": ["document:licence"]})
    customer = good(rows)
    if paper is not None:
        keep(customer, **paper)

    judge(sessions, customer)

    [found] = stored(sessions, customer)
    assert found.outcome == ("passed" if passes else "failed")
    with sessions() as session:
        file = completing.completeness_of(session, session.get_one(Customer, customer), NOON, SHANGHAI)
    assert (file.percent == 100) is passes


@pytest.mark.parametrize(
    ("paper", "ends"),
    [
        ({"dated_on": TODAY - timedelta(days=30)}, None),
        ({"dated_on": date(2024, 1, 1)}, "failed"),
        ({"added_at": NOON - timedelta(days=400)}, "failed"),
        ({"dated_on": TODAY, "valid_until": TODAY - timedelta(days=1)}, "failed"),
    ],
)
def test_a_copy_is_as_old_as_its_day_or_else_as_its_file(rows, sessions, asked, keep, paper, ends):
    asked(COPY)
    customer = good(rows)
    keep(customer, kind="identity", **paper)

    judge(sessions, customer)

    [found] = stored(sessions, customer)
    assert found.outcome == (ends or "passed")


def test_a_paper_retired_or_cut_short_meanwhile_stops_the_approval(rows, sessions, asked, keep):
    asked(LICENCE)
    for change in ({"retired_at": NOON, "retired_by": "ana"}, {"valid_until": TODAY}):
        customer = good(rows)
        paper = keep(customer)
        found = judge(sessions, customer)
        with sessions.begin() as session:
            for name, value in change.items():
                setattr(session.get_one(Document, paper), name, value)
        with pytest.raises(JudgedStaleError):
            approve(sessions, found)
        assert [one.state for one in stored(sessions, customer)] == ["proposed"]


def test_what_a_branch_stored_gives_the_same_judgement_when_its_papers_are_gone(rows, sessions, asked, keep):
    asked(LICENCE, COPY)
    customer = good(rows)
    papers = [keep(customer, valid_until=TODAY + timedelta(days=9)), keep(customer, kind="identity")]
    judge(sessions, customer)
    with sessions.begin() as session:
        for paper in papers:
            found = session.get_one(Document, paper)
            found.retired_at, found.retired_by = NOON, "ana"

    [kept] = stored(sessions, customer)
    with sessions() as session:
        rules = queries.rules_in_force(session, NOON)
    again = replay(rules, [read_line(text) for text in kept.lines], kept.kind.value, TODAY)

    assert [line.text() for line in again.lines] == kept.lines
    assert (again.outcome, again.kind, again.grade, again.score, again.next_review_on) == (
        kept.outcome,
        kept.kind,
        kept.grade,
        kept.score,
        kept.next_review_on,
    )


def test_the_page_names_the_paper_opens_it_and_says_that_it_ends_the_qualification(
    rows, sessions, asked, keep, browser
):
    asked(LICENCE)
    customer = good(rows)
    paper = keep(customer, dated_on=date(2025, 2, 3), valid_until=TODAY + timedelta(days=9))
    made = judge(sessions, customer)

    page = browser.get(f"/qualifications/{made}").text

    until = (TODAY + timedelta(days=9)).isoformat()
    assert f'<a href="/documents/{paper}">of 2025-02-03, valid until {until}</a>' in page
    assert "comes out the same" in page
    for shown in (page, browser.get(f"/customers/{customer}/profile").text):
        assert "Ends with the paper" in shown
    assert "Licence is in force" in browser.get("/qualifications/rules").text
