"""Whose rows are whose at a branch: what each data range holds of every table of the business.

An account manager sees the customers they hold or that are shared with them, and what hangs on those; somebody at
the service desk sees a customer's file while serving them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    SelectBase,
    String,
    and_,
    cast,
    false,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from branch_node.archive.models import ArchiveEntry
from branch_node.billing.models import BillLine
from branch_node.bulk.models import BulkAct, BulkRow
from branch_node.customers.models import Contact, Customer, CustomerMove, FieldAge, Serving
from branch_node.customers.words import shared_ids
from branch_node.documents.models import Document, DocumentChunk, DocumentVersion
from branch_node.handover.models import Handover, HandoverCustomer
from branch_node.identity.models import CustomerIdentity, CustomerMerge
from branch_node.offers.models import OfferAnswer
from branch_node.opstats.models import OperationMonth
from branch_node.personal.models import LegalHold, PersonalRequest
from branch_node.qualification.models import Qualification
from branch_node.questions.models import QuestionAnswer
from branch_node.statistics.models import CustomerMonth
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from shared.db.among import Among
from shared.exports.models import Export
from shared.rights.ranges import Ranged, Seer
from shared.rights.vocabulary import DataRange, Resource


def _shared(seer: Seer) -> Select[str]:
    return shared_ids(seer.manager_id, seer.at)


def _held(seer: Seer) -> ColumnElement[bool]:
    return or_(Customer.manager_id == seer.manager_id, Among(Customer.id, _shared(seer)))


def _held_ids(seer: Seer) -> SelectBase:
    """Select whom `_held` holds: for what hangs on a customer, of which only the id is known.

    A policy compares row by row, so the ids are put together before: by an index each half, and no customer is read.
    A statement may begin with them instead, which PostgreSQL does with one condition and never with two selects.
    """
    if not seer.compares_rows:
        return select(Customer.id).where(_held(seer))
    own = select(Customer.id).where(Customer.manager_id == seer.manager_id)
    return union_all(own, _shared(seer))


def _served_ids(seer: Seer) -> Select[str]:
    return select(Serving.customer_id).where(Serving.user_id == seer.user_id, Serving.ends_at > seer.at)


def _served(seer: Seer) -> ColumnElement[bool]:
    return Customer.id.in_(_served_ids(seer))


def _told(seer: Seer) -> ColumnElement[bool]:
    """Hold one's own acts, and what happened to customers one holds: who answers for a file may ask who changed it."""
    held = select(cast(Customer.id, String)).where(_held(seer))
    of_held = and_(AuditEntry.subject_type == "customer", AuditEntry.subject_id.in_(held))
    return or_(AuditEntry.actor_id == seer.user_id, of_held)


def _party(seer: Seer) -> ColumnElement[bool]:
    """Hold the hand-overs in which somebody gives or takes: also of customers they no longer hold."""
    return or_(Handover.from_id == seer.manager_id, Handover.to_id == seer.manager_id)


def _stored_for(customers: SelectBase) -> Select[str]:
    """Select the versions under which the bytes of documents of some customers lie."""
    return select(DocumentVersion.content_of).where(DocumentVersion.customer_id.in_(customers))


def _units_of(
    whose: Callable[[Seer], SelectBase],
) -> Callable[[Seer], ColumnElement[bool]]:
    """Hold the units whose present or former owner is held: who knew it then may be asked about it."""

    def seen(seer: Seer) -> ColumnElement[bool]:
        held = whose(seer)
        return or_(
            Unit.owner_id.in_(held),
            Unit.id.in_(select(UnitOwner.unit_id).where(UnitOwner.customer_id.in_(held))),
        )

    return seen


def _events_of(
    whose: Callable[[Seer], SelectBase],
) -> Callable[[Seer], ColumnElement[bool]]:
    """Hold what happened with a unit while it was a held customer's, and all of it while it is theirs now."""

    def seen(seer: Seer) -> ColumnElement[bool]:
        held = whose(seer)
        theirs = select(UnitOwner.unit_id).where(
            UnitOwner.until_on.is_(None), UnitOwner.customer_id.in_(held)
        )
        return or_(UnitEvent.customer_id.in_(held), UnitEvent.unit_id.in_(theirs))

    return seen


def _own_act(seer: Seer) -> ColumnElement[bool]:
    return BulkRow.act_id.in_(select(BulkAct.id).where(BulkAct.made_by_id == seer.user_id))


def _nobodys(_seer: Seer) -> ColumnElement[bool]:
    return false()


def _with_customer(
    column: InstrumentedAttribute[Any],
) -> Mapping[DataRange, Callable[[Seer], ColumnElement[bool]]]:
    """Hold the rows whose customer is held, or is being served."""
    return {
        DataRange.SELF: lambda seer: column.in_(_held_ids(seer)),
        DataRange.TEAM: lambda seer: column.in_(_served_ids(seer)),
    }


RANGES: Final = (
    Ranged(Customer, Resource.CUSTOMER, {DataRange.SELF: _held, DataRange.TEAM: _served}),
    Ranged(
        CustomerMove,
        Resource.CUSTOMER,
        _with_customer(CustomerMove.customer_id),
    ),
    Ranged(FieldAge, Resource.CUSTOMER, _with_customer(FieldAge.customer_id)),
    Ranged(
        Contact,
        Resource.CONTACT,
        _with_customer(Contact.customer_id),
    ),
    Ranged(
        Document,
        Resource.DOCUMENT,
        _with_customer(Document.customer_id),
    ),
    Ranged(
        DocumentVersion,
        Resource.DOCUMENT,
        _with_customer(DocumentVersion.customer_id),
    ),
    Ranged(
        DocumentChunk,
        Resource.DOCUMENT,
        {
            DataRange.SELF: lambda seer: DocumentChunk.version_id.in_(_stored_for(_held_ids(seer))),
            DataRange.TEAM: lambda seer: DocumentChunk.version_id.in_(_stored_for(_served_ids(seer))),
        },
    ),
    Ranged(
        CustomerIdentity,
        Resource.CUSTOMER,
        _with_customer(CustomerIdentity.customer_id),
    ),
    Ranged(
        CustomerMerge,
        Resource.CUSTOMER_MERGE,
        _with_customer(CustomerMerge.survivor_id),
    ),
    Ranged(
        Qualification,
        Resource.QUALIFICATION,
        _with_customer(Qualification.customer_id),
    ),
    Ranged(
        Unit,
        Resource.UNIT,
        {DataRange.SELF: _units_of(_held_ids), DataRange.TEAM: _units_of(_served_ids)},
    ),
    Ranged(
        UnitEvent,
        Resource.UNIT,
        {DataRange.SELF: _events_of(_held_ids), DataRange.TEAM: _events_of(_served_ids)},
    ),
    Ranged(UnitOwner, Resource.UNIT, _with_customer(UnitOwner.customer_id)),
    Ranged(OfferAnswer, Resource.CUSTOMER, _with_customer(OfferAnswer.customer_id)),
    Ranged(QuestionAnswer, Resource.CUSTOMER, _with_customer(QuestionAnswer.customer_id)),
    Ranged(
        BillLine,
        Resource.BILL_LINE,
        _with_customer(BillLine.customer_id),
    ),
    Ranged(
        CustomerMonth,
        Resource.STATISTICS,
        {
            DataRange.SELF: lambda seer: CustomerMonth.customer_id.in_(_held_ids(seer)),
        },
    ),
    Ranged(
        WorkLog,
        Resource.WORK_LOG,
        {
            DataRange.SELF: lambda seer: or_(
                WorkLog.manager_id == seer.manager_id,
                WorkLog.customer_id.in_(_held_ids(seer)),
            ),
        },
    ),
    Ranged(
        OperationMonth,
        Resource.OPERATION_STATISTICS,
        {DataRange.SELF: lambda seer: OperationMonth.manager_id == seer.manager_id},
    ),
    Ranged(
        LegalHold,
        Resource.LEGAL_HOLD,
        _with_customer(LegalHold.customer_id),
    ),
    Ranged(
        PersonalRequest,
        Resource.PERSONAL_DATA,
        _with_customer(PersonalRequest.customer_id),
    ),
    Ranged(
        ArchiveEntry,
        Resource.ARCHIVE,
        _with_customer(ArchiveEntry.customer_id),
    ),
    Ranged(Handover, Resource.CUSTOMER, {DataRange.SELF: _party, DataRange.TEAM: _nobodys}),
    Ranged(
        HandoverCustomer,
        Resource.CUSTOMER,
        {
            DataRange.SELF: lambda seer: HandoverCustomer.handover_id.in_(
                select(Handover.id).where(_party(seer))
            ),
            DataRange.TEAM: _nobodys,
        },
    ),
    Ranged(
        BulkAct,
        Resource.CUSTOMER,
        {
            DataRange.SELF: lambda seer: BulkAct.made_by_id == seer.user_id,
            DataRange.TEAM: lambda seer: BulkAct.made_by_id == seer.user_id,
        },
    ),
    # Of one's own act also the rows of customers one no longer holds: they tell that nothing was done, and of nobody.
    Ranged(BulkRow, Resource.CUSTOMER, {DataRange.SELF: _own_act, DataRange.TEAM: _own_act}),
    Ranged(AuditEntry, Resource.OPERATION_LOG, {DataRange.SELF: _told}),
    Ranged(Export, Resource.EXPORT, {DataRange.SELF: lambda seer: Export.asked_by_id == seer.user_id}),
)
