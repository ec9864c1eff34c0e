"""The columns of a tracked unit and of what happened with it that both tiers store."""

from datetime import date
from typing import Final

from sqlalchemy import BigInteger, Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.fields import Created, Identified, Updated
from shared.domain.units.vocabulary import ReadingUnit, UnitEventKind, UnitStatus
from shared.domain.vocabulary import code_column

SERIAL_LENGTH: Final = 40
TEXT_LENGTH: Final = 500
WHY_LENGTH: Final = 200


class UnitFields(Identified, Updated):
    """A unit with a serial or chassis number, which stands as `rules.normal_serial` gives it.

    `owner_id` is the customer whose it is now, none while it is nobody's; `remark` is about that customer.
    """

    serial_no: Mapped[str] = mapped_column(String(SERIAL_LENGTH), info=not_personal())
    product: Mapped[str | None] = mapped_column(String(60), info=not_personal())
    model: Mapped[str | None] = mapped_column(String(60), info=not_personal())
    reading_unit: Mapped[ReadingUnit | None] = mapped_column(code_column(ReadingUnit))
    made_on: Mapped[date | None] = mapped_column(Date)
    sold_on: Mapped[date | None] = mapped_column(Date)
    warranty_until: Mapped[date | None] = mapped_column(Date)
    status: Mapped[UnitStatus] = mapped_column(code_column(UnitStatus))
    owner_id: Mapped[str | None] = mapped_column(Id, info=about("customer"))
    remark: Mapped[str | None] = mapped_column(String(TEXT_LENGTH), info=personal(FieldClass.FREE_TEXT))


class UnitEventFields(Identified, Created):
    """One thing that happened with a unit: a fact; a correction is a new one with `corrects_id`.

    `customer_id` is whose the unit became, was taken from, or was on that day. `reading` is what its meter showed, and
    `reading_reason` why it shows less than before.
    """

    unit_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[UnitEventKind] = mapped_column(code_column(UnitEventKind))
    customer_id: Mapped[str | None] = mapped_column(Id, info=about("customer"))
    happened_on: Mapped[date] = mapped_column(Date)
    text: Mapped[str | None] = mapped_column(String(TEXT_LENGTH), info=personal(FieldClass.FREE_TEXT))
    reading: Mapped[int | None] = mapped_column(Integer)
    reading_reason: Mapped[str | None] = mapped_column(
        String(WHY_LENGTH), info=personal(FieldClass.FREE_TEXT)
    )
    cost_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3), info=not_personal())
    done_by: Mapped[str | None] = mapped_column(String(80), info=personal(FieldClass.FREE_TEXT))
    recall_no: Mapped[str | None] = mapped_column(String(40), info=not_personal())
    corrects_id: Mapped[str | None] = mapped_column(Id)
