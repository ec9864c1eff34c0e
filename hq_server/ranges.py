"""Whose rows are whose at head office: a person may be limited to some branches."""

from typing import Final

from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaCustomer,
    ReplicaCustomerMonth,
    ReplicaManager,
    ReplicaWorkLog,
)
from shared.audit.models import AuditEntry
from shared.rights.ranges import Ranged
from shared.rights.vocabulary import DataRange, Resource

RANGES: Final = (
    Ranged(ReplicaCustomer, Resource.CUSTOMER, branch=ReplicaCustomer.branch_number),
    Ranged(ReplicaBillLine, Resource.BILL_LINE, branch=ReplicaBillLine.branch_number),
    Ranged(ReplicaCustomerMonth, Resource.STATISTICS, branch=ReplicaCustomerMonth.branch_number),
    Ranged(ReplicaWorkLog, Resource.WORK_LOG, branch=ReplicaWorkLog.branch_number),
    Ranged(ReplicaManager, Resource.MANAGER, branch=ReplicaManager.branch_number),
    Ranged(
        AuditEntry,
        Resource.OPERATION_LOG,
        {DataRange.SELF: lambda seer: AuditEntry.actor_id == seer.user_id},
    ),
)
