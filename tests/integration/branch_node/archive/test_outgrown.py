"""What came after a closed customer's file was put away is put away too, though the profile stayed as it was."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from branch_node.archive import jobs, operations, queries
from branch_node.archive.models import ArchiveEntry
from branch_node.customers.models import Contact, Customer, CustomerMove
from branch_node.documents.models import Document, DocumentVersion
from branch_node.identity.models import CustomerIdentity
from branch_node.qualification.models import Qualification
from branch_node.units.models import Unit
from branch_node.units.operations import record_event
from shared.domain.customers.vocabulary import CustomerStatus, MoveOf
from shared.domain.units.vocabulary import UnitEventKind
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.jobs.vocabulary import RunOutcome
from tests.integration.branch_node.archive.conftest import later
from tests.support.branch import ANA, NOON

DAY = 60 * 24
TODAY = NOON.date()


def night(app, day):
    """How many files a night puts away."""
    outcome = jobs.put_away(app.extensions["branchline"], later(ANA, day * DAY), Progress())
    return 0 if outcome.kind is RunOutcome.NOTHING else outcome.counts["files"]


def at(day):
    return NOON + timedelta(days=day)


def read(sessions, file):
    """The last file that lies there, and what it holds; the profile has stayed as it was."""
    with sessions() as session:
        assert session.get_one(Customer, file.id).updated_at == NOON
        entry = queries.last_file(session, file.id)
        assert entry is not None
        content = queries.read_content(session, entry)
    assert content is not None
    return entry, content


class File:
    """A closed customer with a bit of everything, and another with whom they have to do."""

    def __init__(self, rows, sessions):
        self.rows, self.sessions = rows, sessions
        self.id = rows.customer(status=CustomerStatus.CLOSED)
        self.other = rows.customer()
        self.manager = rows.manager()
        self.unit = rows.unit(self.id)
        rows.bill_line(self.id)
        rows.bill_line(self.other)
        self.contact, self.document = self.add_contact(), self.add_document()
        self.judgement = self.add_judgement()

    def add(self, row):
        with self.sessions.begin() as session:
            session.add(row)
        return row

    def change(self, table, row_id, **values):
        with self.sessions.begin() as session:
            session.execute(update(table).where(table.id == row_id).values(**values))

    def merge(self):
        link = {"customer_id": self.other, "identity_id": self.id}
        self.add(CustomerIdentity(id=new_id(), **link, merged_at=NOON, merged_by="ana"))

    def add_contact(self):
        made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
        person = {"name": "韩梅梅", "standing": "key", "status": "active", "do_not_contact": []}
        row_id = new_id()
        self.add(Contact(id=row_id, contact_no=row_id[-12:], customer_id=self.id, **person, **made))
        return row_id

    def add_document(self):
        made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
        row_id = new_id()
        self.add(Document(id=row_id, customer_id=self.id, kind="contract", name="合同", **made))
        self.add_version(row_id, 1)
        return row_id

    def add_version(self, document, number):
        row_id = new_id()
        of = {"document_id": document, "customer_id": self.id, "no": number}
        file = {"file_name": "a.pdf", "form": "pdf", "size": 3, "content_digest": "0" * 64}
        self.add(DocumentVersion(id=row_id, **of, **file, content_of=row_id, added_at=NOON, added_by="ana"))

    def add_judgement(self):
        row_id = new_id()
        self.add(
            Qualification(
                id=row_id,
                customer_id=self.id,
                occasion="application",
                outcome="failed",
                state="proposed",
                kind="individual",
                score=10,
                lines=[],
                rules_version=0,
                next_review_on=date(2027, 3, 31),
                judged_at=NOON,
                judged_by="ana",
            )
        )
        return row_id

    def add_event(self, **values):
        with self.sessions.begin() as session:
            said = {"happened_on": TODAY, "kind": UnitEventKind.REPAIR, "text": "更换刹车片"} | values
            record_event(session, self.unit, said, today=TODAY + timedelta(days=30), by=ANA)


# As an import writes them: with the day something was first entered, long before the file was put away.
CAME = {
    "bill line": lambda file: file.rows.bill_line(file.id, created_at=at(-900)),
    "bill line of a merged file": lambda file: file.rows.bill_line(file.other),
    "work log": lambda file: file.rows.work_log(file.manager, customer_id=file.id, created_at=at(-900)),
    "answer to an offer": lambda file: file.rows.offer_answer(file.id),
    "answer to a question": lambda file: file.rows.question_answer(file.id),
    "merged file": File.merge,
    "contact": File.add_contact,
    "changed contact": lambda file: file.change(Contact, file.contact, name="韩美美", updated_at=at(32)),
    "document": File.add_document,
    "version of a document": lambda file: file.add_version(file.document, 2),
    "renamed document": lambda file: file.change(Document, file.document, name="新合同", updated_at=at(32)),
    "document with a number": lambda file: file.change(
        Document, file.document, number="HT-1", updated_at=at(32)
    ),
    "document valid until a day": lambda file: file.change(
        Document, file.document, valid_until=TODAY, updated_at=at(32)
    ),
    "retired document": lambda file: file.change(
        Document,
        file.document,
        retired_at=at(32),
        retired_by="ana",
        retire_reason="已换新",
        updated_at=at(32),
    ),
    "judgement": File.add_judgement,
    "decided judgement": lambda file: file.change(
        Qualification, file.judgement, state="approved", decided_at=at(32), decided_by="ben"
    ),
    "move": lambda file: file.add(
        CustomerMove(
            id=new_id(),
            customer_id=file.id,
            what=MoveOf.TIER,
            after="high",
            moved_on=TODAY,
            reason="x",
            made_at=NOON,
            made_by="ana",
        )
    ),
    "repair": File.add_event,
    "unit sold on": lambda file: file.add_event(
        kind=UnitEventKind.OWNER,
        customer_id=file.other,
        text="卖给朋友",
        happened_on=TODAY + timedelta(days=9),
    ),
    "changed unit": lambda file: file.change(Unit, file.unit, model="L6", updated_at=at(32)),
}


@pytest.mark.parametrize("what", CAME)
def test_whatever_came_after_a_file_was_put_away_is_put_away_once(rows, sessions, app, what):
    file = File(rows, sessions)
    if what == "bill line of a merged file":
        file.merge()
    assert night(app, 31) == 1
    assert night(app, 32) == 0
    before, told = read(sessions, file)

    CAME[what](file)

    assert night(app, 70) == 1
    assert night(app, 71) == 0
    entry, now = read(sessions, file)
    assert (entry.seq, entry.reason) == (before.seq + 1, jobs.OUTGROWN)
    assert now["customer"] == told["customer"]
    assert [part for part in now if now[part] != told[part]] != ["taken_at"]


def test_a_file_at_which_something_is_written_day_by_day_is_put_away_once_it_has_lain(rows, sessions, app):
    file = File(rows, sessions)
    assert night(app, 31) == 1
    for day in (40, 55, 69):
        rows.bill_line(file.id, created_at=at(day))
        assert night(app, day + 1) == 0

    assert [night(app, day) for day in (98, 100, 101)] == [0, 1, 0]


def test_what_belongs_to_others_or_to_an_open_customer_puts_no_file_away_again(rows, sessions, app):
    file = File(rows, sessions)
    open_one = rows.customer()
    assert night(app, 31) == 1
    with sessions.begin() as session:
        operations.put_in(session, open_one, reason="by hand", by=later(ANA, 31 * DAY))
    rows.bill_line(file.other)
    rows.bill_line(open_one)
    rows.work_log(file.manager, customer_id=file.other)

    assert night(app, 90) == 0
    with sessions() as session:
        assert len(session.scalars(select(ArchiveEntry)).all()) == 2
