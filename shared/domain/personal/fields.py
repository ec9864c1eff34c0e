"""The columns of records about personal data that both tiers store."""

from datetime import date, datetime

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, personal
from shared.domain.fields import Identified
from shared.domain.personal.vocabulary import RequestKind, RequestState
from shared.domain.vocabulary import code_column

REASON_LENGTH = 500


class LegalHoldFields(Identified):
    """That nothing of a customer may be erased, until somebody releases the hold or its last day is over.

    `order_id` is the order by which head office placed it; without one the branch did.
    """

    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), info=personal(FieldClass.FREE_TEXT))
    placed_at: Mapped[datetime]
    placed_by: Mapped[str] = mapped_column(String(80))
    ends_on: Mapped[date | None] = mapped_column(Date)
    order_id: Mapped[str | None] = mapped_column(Id)
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None] = mapped_column(String(80))
    release_reason: Mapped[str | None] = mapped_column(
        String(REASON_LENGTH), info=personal(FieldClass.FREE_TEXT, stands=True)
    )


class PersonalRequestFields(Identified):
    """That a person asked something about their data, without who it was: kind, days and how it stands.

    `ended_at` is when it was answered, carried out or not; null while it is open.
    Before all that the branch keeps besides.
    """

    kind: Mapped[RequestKind] = mapped_column(code_column(RequestKind), sort_order=-50)
    received_on: Mapped[date] = mapped_column(Date, sort_order=-50)
    due_on: Mapped[date] = mapped_column(Date, sort_order=-50)
    state: Mapped[RequestState] = mapped_column(code_column(RequestState), sort_order=-50)
    ended_at: Mapped[datetime | None] = mapped_column(sort_order=-50)
