"""Whose rows are whose at head office: a person may be limited to some branches."""

from typing import Final

from hq_server.branches.models import Branch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaCustomer,
    ReplicaCustomerMonth,
    ReplicaManager,
    ReplicaOperationMonth,
    ReplicaWorkLog,
)
from shared.audit.models import AuditEntry
from shared.rights.ranges import Ranged
from shared.rights.vocabulary import DataRange, Resource

RANGES: Final = (
    Ranged(Branch, Resource.NODE, branch=Branch.number),
    Ranged(ReplicaCustomer, Resource.CUSTOMER, branch=ReplicaCustomer.branch_number),
    Ranged(ReplicaBillLine, Resource.BILL_LINE, branch=ReplicaBillLine.branch_number),
    Ranged(ReplicaCustomerMonth, Resource.STATISTICS, branch=ReplicaCustomerMonth.branch_number),
    Ranged(ReplicaWorkLog, Resource.WORK_LOG, branch=ReplicaWorkLog.branch_number),
    Ranged(ReplicaManager, Resource.MANAGER, branch=ReplicaManager.branch_number),
    Ranged(ReplicaOperationMonth, Resource.OPERATION_STATISTICS, branch=ReplicaOperationMonth.branch_number),
    # That records are parked, and how many, everybody sees of their branches; the pages of single ones are for fewer.
    Ranged(ParkedRecord, Resource.NODE, branch=ParkedRecord.branch_number),
    Ranged(
        AuditEntry,
        Resource.OPERATION_LOG,
        {DataRange.SELF: lambda seer: AuditEntry.actor_id == seer.user_id},
    ),
)
