"""HQ's copies of what branches own; filled by ingest alone, never edited at HQ."""

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id
from shared.domain.billing.fields import BillLineFields
from shared.domain.contacts.fields import ContactFields
from shared.domain.customers.fields import CustomerFields
from shared.domain.dayclose.fields import DayCloseFields
from shared.domain.erasure.fields import ErasureFields
from shared.domain.identity.fields import CustomerIdentityFields
from shared.domain.managers.fields import ManagerFields
from shared.domain.offers.fields import OfferAnswerFields
from shared.domain.opstats.fields import OperationMonthFields
from shared.domain.organisation.fields import DepartmentFields, StaffFields
from shared.domain.personal.fields import LegalHoldFields, PersonalRequestFields
from shared.domain.qualification.fields import QualificationFields
from shared.domain.questions.fields import QuestionAnswerFields
from shared.domain.statistics.fields import CustomerMonthFields
from shared.domain.units.fields import UnitEventFields, UnitFields
from shared.domain.worklogs.fields import WorkLogFields


class Replicated:
    """Whose row it is, which version of it we hold, and which batch brought it.

    The version is (row_lineage, row_change): the branch's lineage number and the id of the
    branch's change; a row is replaced only by a higher one. `batch_id` is our inbox entry.
    """

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, sort_order=-101)
    row_lineage: Mapped[int] = mapped_column(Integer, sort_order=100)
    row_change: Mapped[int] = mapped_column(BigInteger, sort_order=101)
    batch_id: Mapped[int] = mapped_column(BigInteger, sort_order=102)


class ReplicaManager(Replicated, ManagerFields, Base):
    """An account manager of some branch."""

    __tablename__ = "replica_managers"


class ReplicaDepartment(Replicated, DepartmentFields, Base):
    """A department of some branch."""

    __tablename__ = "replica_departments"


class ReplicaStaff(Replicated, StaffFields, Base):
    """A person with an account at some branch."""

    __tablename__ = "replica_staff"


class ReplicaCustomer(Replicated, CustomerFields, Base):
    """A customer of some branch."""

    __tablename__ = "replica_customers"
    __table_args__ = (
        Index("ix_replica_customers_customer_no", "customer_no"),
        Index("ix_replica_customers_manager", "branch_number", "manager_id"),
        Index("ix_replica_customers_batch_id", "batch_id"),
        Index(
            "ix_replica_customers_group_no",
            "group_no",
            sqlite_where=text("group_no IS NOT NULL"),
            postgresql_where=text("group_no IS NOT NULL"),
        ),
        Index(
            "ix_replica_customers_parent",
            "branch_number",
            "parent_id",
            sqlite_where=text("parent_id IS NOT NULL"),
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
    )


class ReplicaContact(Replicated, ContactFields, Base):
    """A person to speak to at a customer of some branch."""

    __tablename__ = "replica_contacts"
    __table_args__ = (
        Index("ix_replica_contacts_customer", "branch_number", "customer_id"),
        Index("ix_replica_contacts_batch_id", "batch_id"),
    )


class ReplicaCustomerIdentity(Replicated, CustomerIdentityFields, Base):
    """That a customer of some branch was merged into another."""

    __tablename__ = "replica_customer_identities"
    __table_args__ = (
        Index("ix_replica_customer_identities_customer", "branch_number", "customer_id"),
        Index("ix_replica_customer_identities_identity", "branch_number", "identity_id"),
    )


class ReplicaQualification(Replicated, QualificationFields, Base):
    """A judgement of a customer of some branch."""

    __tablename__ = "replica_qualifications"
    __table_args__ = (
        Index("ix_replica_qualifications_customer", "branch_number", "customer_id"),
        Index("ix_replica_qualifications_state", "branch_number", "state"),
    )


class ReplicaUnit(Replicated, UnitFields, Base):
    """A tracked unit of some branch; another branch may hold one of the same number."""

    __tablename__ = "replica_units"
    __table_args__ = (
        Index("ix_replica_units_serial_no", "serial_no"),
        Index("ix_replica_units_owner", "branch_number", "owner_id"),
        Index("ix_replica_units_product", "product", "model"),
    )


class ReplicaUnitEvent(Replicated, UnitEventFields, Base):
    """What happened with a tracked unit of some branch."""

    __tablename__ = "replica_unit_events"
    __table_args__ = (
        Index("ix_replica_unit_events_unit", "branch_number", "unit_id"),
        Index("ix_replica_unit_events_customer", "branch_number", "customer_id"),
        Index("ix_replica_unit_events_recall", "recall_no", "branch_number", "unit_id"),
        Index("ix_replica_unit_events_corrects_id", "branch_number", "corrects_id"),
    )


class ReplicaOfferAnswer(Replicated, OfferAnswerFields, Base):
    """What became of an offer at a customer of some branch."""

    __tablename__ = "replica_offer_answers"
    __table_args__ = (
        Index("ix_replica_offer_answers_customer", "branch_number", "customer_id"),
        Index("ix_replica_offer_answers_offer", "offer_code", "branch_number"),
        Index("ix_replica_offer_answers_corrects_id", "branch_number", "corrects_id"),
    )


class ReplicaQuestionAnswer(Replicated, QuestionAnswerFields, Base):
    """What a customer of some branch answered to a question."""

    __tablename__ = "replica_question_answers"
    __table_args__ = (
        Index("ix_replica_question_answers_customer", "branch_number", "customer_id"),
        Index("ix_replica_question_answers_question", "question_code", "answered_on", "branch_number"),
        Index("ix_replica_question_answers_corrects_id", "branch_number", "corrects_id"),
    )


class ReplicaCustomerMonth(Replicated, CustomerMonthFields, Base):
    """A customer's month as its branch computed it."""

    __tablename__ = "replica_customer_months"
    __table_args__ = (Index("ix_replica_customer_months_month", "month", "branch_number"),)


class ReplicaBillLine(Replicated, BillLineFields, Base):
    """A bill line of some branch."""

    __tablename__ = "replica_bill_lines"
    __table_args__ = (
        Index("ix_replica_bill_lines_customer", "branch_number", "customer_id", "period"),
        Index("ix_replica_bill_lines_period", "period", "branch_number"),
    )


class ReplicaWorkLog(Replicated, WorkLogFields, Base):
    """A work log entry of some branch."""

    __tablename__ = "replica_work_logs"
    __table_args__ = (
        Index("ix_replica_work_logs_manager", "branch_number", "manager_id", "started_at"),
        Index("ix_replica_work_logs_customer", "branch_number", "customer_id", "started_at"),
        # Few entries are corrections; leaving out what they correct must not read all entries.
        Index(
            "ix_replica_work_logs_corrects_id",
            "corrects_id",
            sqlite_where=text("corrects_id IS NOT NULL"),
            postgresql_where=text("corrects_id IS NOT NULL"),
        ),
    )


class ReplicaOperationMonth(Replicated, OperationMonthFields, Base):
    """An account manager's month of operations at some branch."""

    __tablename__ = "replica_operation_months"
    __table_args__ = (Index("ix_replica_operation_months_month", "month", "branch_number"),)


class ReplicaDayClose(Replicated, DayCloseFields, Base):
    """A closed day of some branch, as the branch counted it."""

    __tablename__ = "replica_day_closes"
    __table_args__ = (Index("ix_replica_day_closes_day", "day", "branch_number"),)


class ReplicaLegalHold(Replicated, LegalHoldFields, Base):
    """A legal hold on a customer of some branch."""

    __tablename__ = "replica_legal_holds"
    __table_args__ = (Index("ix_replica_legal_holds_customer", "branch_number", "customer_id"),)


class ReplicaPersonalRequest(Replicated, PersonalRequestFields, Base):
    """That somebody asked something about their data at some branch; who it was stays there."""

    __tablename__ = "replica_personal_requests"
    __table_args__ = (
        # The open ones are few among all that were ever answered.
        Index("ix_replica_personal_requests_state", "state", "branch_number", "due_on"),
    )


class ReplicaErasure(Replicated, ErasureFields, Base):
    """That a customer of some branch was erased."""

    __tablename__ = "replica_erasures"
    __table_args__ = (Index("ix_replica_erasures_customer", "branch_number", "customer_id"),)


class Tombstone(Base):
    """A row its branch removed, with the version of the removal; keeps late copies from bringing it back."""

    __tablename__ = "replica_tombstones"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True)
    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    row_lineage: Mapped[int] = mapped_column(Integer)
    row_change: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[int] = mapped_column(BigInteger)
