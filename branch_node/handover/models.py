"""Hand-overs of customers: who to whom, why, what moved, and who signed for it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.vocabulary import Vocabulary, code_column
from shared.errors import N_


class HandoverReason(Vocabulary):
    """Why customers are handed over; a closed list, so that the record says nothing personal."""

    LEAVES = ("leaves", N_("leaves the company"), "离职")
    MOVES = ("moves", N_("moves to another post"), "调岗")
    AWAY = ("away", N_("is away for long"), "长期离岗")
    BALANCE = ("balance", N_("customers are spread anew"), "客户重新分配")


class Handover(Base):
    """One hand-over; never removed. `moved` are the shares it ended and made, for taking it back within the day.

    Once it is taken back, `moved` names under `stay` the customers who did not go back.
    `signed_from_paper` is where the signed paper lies when the leaver could not sign on screen; `status_before` is what
    the leaver was, when the hand-over also marked them as left.
    """

    __tablename__ = "handovers"
    __log__ = "handover"
    __table_args__ = (
        CheckConstraint("from_id <> to_id", name="two_people"),
        Index("ix_handovers_from_id", "from_id"),
        Index("ix_handovers_to_id", "to_id"),
        Index("ix_handovers_made_at", "made_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    from_id: Mapped[str] = mapped_column(Id, ForeignKey("managers.id"))
    to_id: Mapped[str] = mapped_column(Id, ForeignKey("managers.id"))
    reason: Mapped[HandoverReason] = mapped_column(code_column(HandoverReason))
    last_day: Mapped[date]
    customers: Mapped[int] = mapped_column(Integer)
    shares: Mapped[int] = mapped_column(Integer)
    moved: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    status_before: Mapped[ManagerStatus | None] = mapped_column(code_column(ManagerStatus))
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    signed_from_at: Mapped[datetime | None]
    signed_from_by: Mapped[str | None] = mapped_column(String(80))
    signed_from_paper: Mapped[str | None] = mapped_column(String(100))
    signed_to_at: Mapped[datetime | None]
    signed_to_by: Mapped[str | None] = mapped_column(String(80))
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(80))


class HandoverCustomer(Base):
    """That a customer was part of a hand-over: the id alone, so an erasure leaves nothing personal here."""

    __tablename__ = "handover_customers"

    handover_id: Mapped[str] = mapped_column(
        Id, ForeignKey("handovers.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
