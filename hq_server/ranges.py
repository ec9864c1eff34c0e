"""Whose rows are whose at head office: a person may be limited to some branches."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select

from hq_server.analysis.models import CustomerCell, MoneyCell, RecordCount
from hq_server.branches.models import Branch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaCustomerMonth,
    ReplicaDepartment,
    ReplicaErasure,
    ReplicaLegalHold,
    ReplicaManager,
    ReplicaOfferAnswer,
    ReplicaOperationMonth,
    ReplicaPersonalRequest,
    ReplicaQualification,
    ReplicaQuestionAnswer,
    ReplicaStaff,
    ReplicaUnit,
    ReplicaUnitEvent,
    ReplicaWorkLog,
)
from hq_server.upkeep.models import UpkeepCount
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.db.base import Id
from shared.db.holding import among, held_by
from shared.exports.models import Export
from shared.rights.ranges import Ranged, Seer
from shared.rights.vocabulary import DataRange, Resource
from shared.twoperson.models import ProposedAct

ID_LENGTH: Final = 36


def _told(seer: Seer, branches: ColumnElement[str]) -> ColumnElement[bool]:
    """Hold one's own acts, and what is told of these branches, their customers and whoever sees no other branch."""

    def tells(noun: str, ids: Select[Any]) -> ColumnElement[bool]:
        return and_(AuditEntry.subject_type == noun, AuditEntry.subject_id.in_(ids))

    own = select(Branch.code).where(among(Branch.number, branches))
    numbers = select(cast(Branch.number, String)).where(among(Branch.number, branches))
    customers = select(cast(ReplicaCustomer.id, String)).where(among(ReplicaCustomer.branch_number, branches))
    people = select(cast(User.id, String)).where(held_by(User.branches, branches))
    acts = select(cast(ProposedAct.id, String)).where(_asked(seer, branches))
    return or_(
        AuditEntry.actor_id == seer.user_id,
        tells("branch", own),
        tells("branch", numbers),
        tells("customer", customers),
        tells("parked", _parked(branches)),
        tells("user", people),
        tells("two_person_act", acts),
        # Of head office itself, and of no branch.
        AuditEntry.subject_type.in_(("department", "job")),
    )


def _parked(branches: ColumnElement[str]) -> Select[Any]:
    return select(cast(ParkedRecord.id, String)).where(among(ParkedRecord.branch_number, branches))


def _asked(seer: Seer, branches: ColumnElement[str]) -> ColumnElement[bool]:
    """Hold one's own requests, those about records of these branches, and exports of who sees no other branch."""
    by = cast(ProposedAct.proposed_by_id, Id)
    people = select(User.id).where(held_by(User.branches, branches))
    # Without the slash and the id behind it.
    code = func.substr(ProposedAct.subject_id, 1, func.length(ProposedAct.subject_id) - ID_LENGTH - 1)
    about = code.in_(select(Branch.code).where(among(Branch.number, branches)))
    return or_(
        by == seer.user_id,
        and_(ProposedAct.subject_type == "legal_hold", about),
        and_(ProposedAct.subject_type == "parked", ProposedAct.subject_id.in_(_parked(branches))),
        and_(ProposedAct.subject_type == "export", by.in_(people)),
    )


RANGES: Final = (
    Ranged(Branch, Resource.NODE, branch=Branch.number),
    Ranged(ReplicaCustomer, Resource.CUSTOMER, branch=ReplicaCustomer.branch_number),
    Ranged(UpkeepCount, Resource.CUSTOMER, branch=UpkeepCount.branch_number),
    Ranged(ReplicaCustomerIdentity, Resource.CUSTOMER, branch=ReplicaCustomerIdentity.branch_number),
    Ranged(ReplicaContact, Resource.CONTACT, branch=ReplicaContact.branch_number),
    Ranged(ReplicaQualification, Resource.QUALIFICATION, branch=ReplicaQualification.branch_number),
    Ranged(ReplicaUnit, Resource.UNIT, branch=ReplicaUnit.branch_number),
    Ranged(ReplicaUnitEvent, Resource.UNIT, branch=ReplicaUnitEvent.branch_number),
    Ranged(ReplicaOfferAnswer, Resource.CUSTOMER, branch=ReplicaOfferAnswer.branch_number),
    Ranged(ReplicaQuestionAnswer, Resource.CUSTOMER, branch=ReplicaQuestionAnswer.branch_number),
    Ranged(ReplicaBillLine, Resource.BILL_LINE, branch=ReplicaBillLine.branch_number),
    Ranged(ReplicaCustomerMonth, Resource.STATISTICS, branch=ReplicaCustomerMonth.branch_number),
    # Sums kept ready are seen by who sees the rows they are of.
    Ranged(MoneyCell, Resource.BILL_LINE, branch=MoneyCell.branch_number),
    Ranged(CustomerCell, Resource.CUSTOMER, branch=CustomerCell.branch_number),
    Ranged(RecordCount, Resource.NODE, branch=RecordCount.branch_number),
    Ranged(ReplicaWorkLog, Resource.WORK_LOG, branch=ReplicaWorkLog.branch_number),
    Ranged(ReplicaLegalHold, Resource.LEGAL_HOLD, branch=ReplicaLegalHold.branch_number),
    Ranged(ReplicaManager, Resource.MANAGER, branch=ReplicaManager.branch_number),
    Ranged(ReplicaOperationMonth, Resource.OPERATION_STATISTICS, branch=ReplicaOperationMonth.branch_number),
    Ranged(ReplicaErasure, Resource.PERSONAL_DATA, branch=ReplicaErasure.branch_number),
    Ranged(ReplicaPersonalRequest, Resource.PERSONAL_DATA, branch=ReplicaPersonalRequest.branch_number),
    Ranged(ReplicaStaff, Resource.ORGANISATION, branch=ReplicaStaff.branch_number),
    Ranged(ReplicaDepartment, Resource.ORGANISATION, branch=ReplicaDepartment.branch_number),
    # Of head office's people, who is limited to some branches sees themselves and who sees no branch besides those.
    Ranged(
        User,
        Resource.ACCOUNT,
        limited=lambda seer, branches: or_(User.id == seer.user_id, held_by(User.branches, branches)),
    ),
    # That records are parked, and how many, everybody sees of their branches; the pages of single ones are for fewer.
    Ranged(ParkedRecord, Resource.NODE, branch=ParkedRecord.branch_number),
    Ranged(
        AuditEntry,
        Resource.OPERATION_LOG,
        {DataRange.SELF: lambda seer: AuditEntry.actor_id == seer.user_id},
        limited=_told,
    ),
    Ranged(ProposedAct, Resource.TWO_PERSON, limited=_asked),
    Ranged(Export, Resource.EXPORT, {DataRange.SELF: lambda seer: Export.asked_by_id == seer.user_id}),
)
