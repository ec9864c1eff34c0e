"""Which of HQ's tables holds each record type."""

from typing import Final

from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaCustomerMonth,
    ReplicaDayClose,
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
from shared.db.base import Base
from sync_protocol.catalog import Bindings, bind

BINDINGS: Final[Bindings] = bind(
    {
        name: Base.metadata.tables[model.__tablename__]
        for name, model in {
            "erasure": ReplicaErasure,
            "manager": ReplicaManager,
            "department": ReplicaDepartment,
            "staff": ReplicaStaff,
            "customer": ReplicaCustomer,
            "contact": ReplicaContact,
            "qualification": ReplicaQualification,
            "unit": ReplicaUnit,
            "bill_line": ReplicaBillLine,
            "work_log": ReplicaWorkLog,
            "unit_event": ReplicaUnitEvent,
            "offer_answer": ReplicaOfferAnswer,
            "question_answer": ReplicaQuestionAnswer,
            "customer_month": ReplicaCustomerMonth,
            "operation_month": ReplicaOperationMonth,
            "day_close": ReplicaDayClose,
            "legal_hold": ReplicaLegalHold,
            "customer_identity": ReplicaCustomerIdentity,
            "personal_request": ReplicaPersonalRequest,
        }.items()
    }
)
