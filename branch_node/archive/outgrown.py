"""Closed customers of whom something came or was changed after their file was put into the retained archive.

The profile's last change does not tell: a corrected bill line, an answer to an offer, a repair or a paper that comes
later leaves the profile as it is. Ids are compared and not days: an import keeps the day something was first written.
Whether the file differs is found by comparing it; here only whom to compare is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from branch_node.archive.models import ArchiveEntry
from branch_node.archive.queries import FILES
from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, Customer, CustomerMove
from branch_node.documents.models import Document, DocumentVersion
from branch_node.erased.models import Erasure
from branch_node.identity.models import CustomerIdentity
from branch_node.offers.models import OfferAnswer
from branch_node.qualification.models import Qualification
from branch_node.questions.models import QuestionAnswer
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from branch_node.worklogs.models import WorkLog
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.units.vocabulary import UnitEventKind


@dataclass(frozen=True, slots=True)
class _Part:
    """A table that a file holds rows of: when a row was made, and when it was last changed if it can be.

    `of_person`: rows of files merged into the customer's are in it as well.
    """

    model: Any
    made: Any
    changed: Any = None
    of_person: bool = True


_PARTS: Final = (
    _Part(BillLine, BillLine.created_at),
    _Part(WorkLog, WorkLog.created_at),
    _Part(OfferAnswer, OfferAnswer.created_at),
    _Part(QuestionAnswer, QuestionAnswer.created_at),
    _Part(UnitEvent, UnitEvent.created_at),
    _Part(Contact, Contact.created_at, Contact.updated_at, of_person=False),
    _Part(CustomerMove, CustomerMove.made_at, of_person=False),
    _Part(Qualification, Qualification.judged_at, Qualification.decided_at, of_person=False),
    _Part(Document, Document.created_at, Document.updated_at, of_person=False),
    _Part(DocumentVersion, DocumentVersion.added_at, of_person=False),
)


def list_outgrown(session: Session, now: datetime, days: int, *, limit: int) -> Sequence[str]:
    """Return closed customers whose file in the archive may lack something that has lain for so many days."""
    since, later = now - timedelta(days=days), aliased(ArchiveEntry)
    last = ~exists().where(
        later.customer_id == ArchiveEntry.customer_id, later.kind.in_(FILES), later.seq > ArchiveEntry.seq
    )
    erased = exists().where(Erasure.customer_id == Customer.id)
    found = (
        select(Customer.id)
        .join(ArchiveEntry, ArchiveEntry.customer_id == Customer.id)
        .where(
            Customer.status == CustomerStatus.CLOSED,
            Customer.updated_at <= since,
            # A profile that changed since is another matter (`list_due`).
            ArchiveEntry.made_at >= Customer.updated_at,
            ArchiveEntry.kind.in_(FILES),
            # One that was taken out is not put in again.
            ArchiveEntry.content.is_not(None),
            last,
            ~erased,
            or_(*_newer(), _sold_on(), _changed_unit()),
            ~or_(*_stirring(since)),
        )
    )
    return session.scalars(found.order_by(ArchiveEntry.seq).limit(limit)).all()


def _newer() -> list[ColumnElement[bool]]:
    """Hold where a row of a part came, or was changed, after the file; one for each way to look it up."""
    link = CustomerIdentity
    found: list[ColumnElement[bool]] = []
    for part in _PARTS:
        model = part.model
        after: ColumnElement[bool] = model.id > ArchiveEntry.id
        if part.changed is not None:
            after = or_(after, part.changed > ArchiveEntry.made_at)
        found.append(exists().where(model.customer_id == Customer.id, after))
        if part.of_person:
            theirs = and_(link.identity_id == Customer.id, model.customer_id == link.customer_id)
            found.append(exists().where(theirs, or_(after, link.id > ArchiveEntry.id)))
    return found


def _stirring(since: datetime) -> list[ColumnElement[bool]]:
    """Hold where something was written lately: it is waited for, so that not every night puts in another file."""
    return [
        exists().where(
            part.model.customer_id == Customer.id,
            or_(part.made > since, part.changed > since) if part.changed is not None else part.made > since,
        )
        for part in _PARTS
    ]


def _sold_on() -> ColumnElement[bool]:
    """Hold where a unit that was theirs went to somebody else, or was said to: so their time with it is another."""
    moved = or_(UnitEvent.kind == UnitEventKind.OWNER, UnitEvent.corrects_id.is_not(None))
    return exists().where(
        UnitOwner.customer_id == Customer.id,
        UnitEvent.unit_id == UnitOwner.unit_id,
        moved,
        UnitEvent.id > ArchiveEntry.id,
    )


def _changed_unit() -> ColumnElement[bool]:
    """Hold where what is said of a unit that is theirs was changed."""
    return exists().where(Unit.owner_id == Customer.id, Unit.updated_at > ArchiveEntry.made_at)
