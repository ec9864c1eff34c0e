"""The columns of a work log entry that both tiers store."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.fields import Created, Identified
from shared.domain.vocabulary import code_column
from shared.domain.worklogs.vocabulary import WorkLogKind


class WorkLogFields(Identified, Created):
    """One entry of an account manager's log: a fact; a correction is a new entry with `corrects_id`."""

    log_no: Mapped[str] = mapped_column(String(60), info=not_personal())
    manager_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[WorkLogKind] = mapped_column(code_column(WorkLogKind))
    customer_id: Mapped[str | None] = mapped_column(Id, info=about("customer"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(120), info=personal(FieldClass.FREE_TEXT))
    text: Mapped[str] = mapped_column(String(2000), info=personal(FieldClass.FREE_TEXT))
    entered_at: Mapped[datetime]
    corrects_id: Mapped[str | None] = mapped_column(Id)
