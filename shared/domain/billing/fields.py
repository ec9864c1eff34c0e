"""The columns of a bill line that both tiers store."""

from datetime import date

from sqlalchemy import BigInteger, Date, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.billing.vocabulary import BillKind
from shared.domain.fields import Created, Identified
from shared.domain.vocabulary import code_column


class BillLineFields(Identified, Created):
    """One entry of billing: a fact, never changed; a correction is a new line with `corrects_id`."""

    bill_no: Mapped[str] = mapped_column(String(60), info=not_personal())
    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    product: Mapped[str] = mapped_column(String(60), info=not_personal())
    period: Mapped[str] = mapped_column(String(7), info=not_personal())
    kind: Mapped[BillKind] = mapped_column(code_column(BillKind))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3), info=not_personal())
    booked_on: Mapped[date] = mapped_column(Date)
    corrects_id: Mapped[str | None] = mapped_column(Id)
    remark: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
