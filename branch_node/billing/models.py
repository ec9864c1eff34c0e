"""The branch's own table of bill lines."""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.billing.fields import BillLineFields


class BillLine(BillLineFields, Base):
    """One entry of billing; the database refuses to change it (see the guards in sync_protocol.changelog)."""

    __tablename__ = "bill_lines"
    __log__ = "bill_line"
    __table_args__ = (
        UniqueConstraint("bill_no"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["corrects_id"], ["bill_lines.id"]),
        Index("ix_bill_lines_customer_id_period", "customer_id", "period"),
        Index("ix_bill_lines_customer_id_booked_on", "customer_id", "booked_on"),
        Index("ix_bill_lines_period", "period"),
        Index("ix_bill_lines_corrects_id", "corrects_id"),
    )
