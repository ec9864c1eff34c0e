"""The columns of an account manager's month of operations that both tiers store."""

from typing import Final

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.domain.fields import Identified
from shared.errors import N_


class OperationMonthFields(Identified):
    """One account manager's month: what they did, as the operation log and the work logs tell it."""

    manager_id: Mapped[str] = mapped_column(Id)
    month: Mapped[str] = mapped_column(String(7))
    sign_ins: Mapped[int] = mapped_column(Integer)
    days_worked: Mapped[int] = mapped_column(Integer)
    visits: Mapped[int] = mapped_column(Integer)
    work_logs: Mapped[int] = mapped_column(Integer)
    files_changed: Mapped[int] = mapped_column(Integer)
    exports: Mapped[int] = mapped_column(Integer)


# In the order in which they are shown.
FIGURES: Final = {
    "sign_ins": N_("Sign-ins"),
    "days_worked": N_("Days worked"),
    "visits": N_("Visits"),
    "work_logs": N_("Work logs"),
    "files_changed": N_("Customer files changed"),
    "exports": N_("Exports"),
}
