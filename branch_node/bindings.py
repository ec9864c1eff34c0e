"""Which of the branch's tables holds each record type, and when a fact may be taken back."""

from typing import Final

from sqlalchemy import Connection

from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, Customer
from branch_node.dayclose.models import DayClose
from branch_node.erased.models import Erasure
from branch_node.identity.models import CustomerIdentity
from branch_node.managers.models import Manager
from branch_node.offers.models import OfferAnswer
from branch_node.opstats.models import OperationMonth
from branch_node.personal.models import LegalHold, PersonalRequest
from branch_node.qualification.models import Qualification
from branch_node.questions.models import QuestionAnswer
from branch_node.receivers.queries import takers
from branch_node.staff.models import StaffMember
from branch_node.statistics.models import CustomerMonth
from branch_node.units.models import Unit, UnitEvent
from branch_node.worklogs.models import WorkLog
from shared.db.base import Base
from shared.domain.erasure.rules import CARRIERS, personal_columns
from shared.organisation.models import Department
from sync_protocol.catalog import Bindings, bind
from sync_protocol.changelog.triggers import install

# A fact leaves only with the whole import that brought it, while that import is being undone.
_BEING_UNDONE: Final = (
    "EXISTS (SELECT 1 FROM import_rows r JOIN imports i ON i.id = r.import_id "
    "WHERE r.record_id = OLD.id AND i.state = 'undoing')"
)

# What a fact says of a person goes with the rest of them; amounts, days and numbers stay.
_ERASED: Final = "EXISTS (SELECT 1 FROM erasures e WHERE e.customer_id = OLD.customer_id)"

BINDINGS: Final[Bindings] = bind(
    {
        name: Base.metadata.tables[model.__tablename__]
        for name, model in {
            "erasure": Erasure,
            "manager": Manager,
            "department": Department,
            "staff": StaffMember,
            "customer": Customer,
            "contact": Contact,
            "qualification": Qualification,
            "unit": Unit,
            "bill_line": BillLine,
            "work_log": WorkLog,
            "unit_event": UnitEvent,
            "offer_answer": OfferAnswer,
            "question_answer": QuestionAnswer,
            "customer_month": CustomerMonth,
            "operation_month": OperationMonth,
            "day_close": DayClose,
            "legal_hold": LegalHold,
            "customer_identity": CustomerIdentity,
            "personal_request": PersonalRequest,
        }.items()
    },
    removable_when=dict.fromkeys(("bill_line", "work_log", "unit_event"), _BEING_UNDONE),
    blanked_when={
        "bill_line": (_ERASED, [column.name for column in personal_columns(BillLine.__table__)]),
        "work_log": (_ERASED, [column.name for column in personal_columns(WorkLog.__table__)]),
        "unit_event": (_ERASED, [column.name for column in personal_columns(UnitEvent.__table__)]),
        "offer_answer": (_ERASED, [column.name for column in personal_columns(OfferAnswer.__table__)]),
        "question_answer": (
            _ERASED,
            [column.name for column in personal_columns(QuestionAnswer.__table__)],
        ),
    },
)


# Once their customer is erased nothing personal is written into these.
KEPT_BLANK: Final = tuple(BINDINGS[name].table for name in CARRIERS)


def install_capture(connection: Connection) -> None:
    """Put the capture triggers and guards on every bound table, for every receiver."""
    install(connection, BINDINGS, takers(connection))
