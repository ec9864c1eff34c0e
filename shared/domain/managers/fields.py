"""The columns of an account manager that both tiers store."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.personal import FieldClass, PersonalText, not_personal, personal
from shared.domain.fields import Identified, Updated
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.vocabulary import code_column


class ManagerFields(Identified, Updated):
    """An account manager; `manager_no` is the staff number, unique in its branch."""

    manager_no: Mapped[str] = mapped_column(String(40), info=not_personal())
    name: Mapped[str] = mapped_column(String(80), info=personal(FieldClass.NAME))
    post: Mapped[str | None] = mapped_column(String(60), info=not_personal())
    level: Mapped[str | None] = mapped_column(String(30), info=not_personal())
    department: Mapped[str | None] = mapped_column(String(80), info=not_personal())
    mobile: Mapped[str | None] = mapped_column(
        PersonalText(30, FieldClass.MOBILE, "manager"), info=personal(FieldClass.MOBILE)
    )
    status: Mapped[ManagerStatus] = mapped_column(code_column(ManagerStatus))
