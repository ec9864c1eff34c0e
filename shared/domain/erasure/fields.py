"""The columns of an erasure that both tiers store: ids, instants and a code, nothing personal."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.fields import Identified
from shared.domain.vocabulary import code_column


class ErasureFields(Identified):
    """That a customer's personal data was erased; it holds for ever, whatever is restored or arrives late.

    `waiting` counts the kept batches from before that are not purged yet; with none left and what the database left
    on the disk written over it is complete, at `complete_at`.
    """

    customer_id: Mapped[str] = mapped_column(Id)
    reason: Mapped[ErasureReason] = mapped_column(code_column(ErasureReason))
    erased_at: Mapped[datetime]
    erased_by: Mapped[str] = mapped_column(String(80))
    waiting: Mapped[int] = mapped_column(Integer, default=0)
    complete_at: Mapped[datetime | None]
