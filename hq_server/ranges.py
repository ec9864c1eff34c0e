"""Whose rows are whose at head office: a person may be limited to some branches."""

from typing import Final

from sqlalchemy import or_

from hq_server.branches.models import Branch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerMonth,
    ReplicaDepartment,
    ReplicaErasure,
    ReplicaLegalHold,
    ReplicaManager,
    ReplicaOperationMonth,
    ReplicaStaff,
    ReplicaWorkLog,
)
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.db.holding import held_by
from shared.exports.models import Export
from shared.rights.ranges import Ranged
from shared.rights.vocabulary import DataRange, Resource

RANGES: Final = (
    Ranged(Branch, Resource.NODE, branch=Branch.number),
    Ranged(ReplicaCustomer, Resource.CUSTOMER, branch=ReplicaCustomer.branch_number),
    Ranged(ReplicaContact, Resource.CONTACT, branch=ReplicaContact.branch_number),
    Ranged(ReplicaBillLine, Resource.BILL_LINE, branch=ReplicaBillLine.branch_number),
    Ranged(ReplicaCustomerMonth, Resource.STATISTICS, branch=ReplicaCustomerMonth.branch_number),
    Ranged(ReplicaWorkLog, Resource.WORK_LOG, branch=ReplicaWorkLog.branch_number),
    Ranged(ReplicaLegalHold, Resource.LEGAL_HOLD, branch=ReplicaLegalHold.branch_number),
    Ranged(ReplicaManager, Resource.MANAGER, branch=ReplicaManager.branch_number),
    Ranged(ReplicaOperationMonth, Resource.OPERATION_STATISTICS, branch=ReplicaOperationMonth.branch_number),
    Ranged(ReplicaErasure, Resource.PERSONAL_DATA, branch=ReplicaErasure.branch_number),
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
    ),
    Ranged(Export, Resource.EXPORT, {DataRange.SELF: lambda seer: Export.asked_by_id == seer.user_id}),
)
