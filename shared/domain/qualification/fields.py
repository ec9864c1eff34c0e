"""The columns of a qualification that both tiers store."""

from datetime import date, datetime
from typing import Final

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id, Json
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.fields import Identified
from shared.domain.qualification.vocabulary import JudgedAs, Occasion, QualificationState
from shared.domain.vocabulary import code_column

REASON_LENGTH: Final = 500


class QualificationFields(Identified):
    """One judgement of a customer and what was decided on it; `lines` say which rule asked what and what it found.

    `rules_version` is the published version it was judged by, 0 for the rules that are built in.
    """

    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    occasion: Mapped[Occasion] = mapped_column(code_column(Occasion))
    outcome: Mapped[JudgedAs] = mapped_column(code_column(JudgedAs))
    state: Mapped[QualificationState] = mapped_column(code_column(QualificationState))
    kind: Mapped[CustomerKind] = mapped_column(code_column(CustomerKind))
    grade: Mapped[Grade | None] = mapped_column(code_column(Grade))
    score: Mapped[int] = mapped_column(Integer)
    lines: Mapped[list[str]] = mapped_column(Json, info=not_personal())
    rules_version: Mapped[int] = mapped_column(Integer)
    next_review_on: Mapped[date] = mapped_column(Date)
    judged_at: Mapped[datetime]
    judged_by: Mapped[str] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH), info=personal(FieldClass.FREE_TEXT))
