"""The columns of a department and of a person that both tiers store."""

from datetime import datetime

from sqlalchemy import Enum, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, not_personal, personal
from shared.domain.fields import Identified, Updated
from shared.domain.organisation.vocabulary import StaffState
from shared.domain.vocabulary import code_column
from shared.rights.vocabulary import StaffKind

CODE_LENGTH = 20
NAME_LENGTH = 80
KIND = Enum(
    StaffKind,
    native_enum=False,
    create_constraint=True,
    length=20,
    values_callable=lambda members: [member.value for member in members],
    name="staffkind",
)


class DepartmentFields(Identified, Updated):
    """A department of one node; `parent_id` is the department above, `head_id` the person who leads it."""

    code: Mapped[str] = mapped_column(String(CODE_LENGTH))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    parent_id: Mapped[str | None] = mapped_column(Id)
    position: Mapped[int] = mapped_column(Integer)
    head_id: Mapped[str | None] = mapped_column(Id)
    retired_at: Mapped[datetime | None]


class StaffFields(Identified):
    """A person who may sign in somewhere; `manager_id` is the account manager they are."""

    username: Mapped[str] = mapped_column(String(40), info=not_personal())
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), info=personal(FieldClass.NAME))
    kind: Mapped[StaffKind] = mapped_column(KIND)
    duties: Mapped[list[str]] = mapped_column(info=not_personal())
    department_id: Mapped[str | None] = mapped_column(Id)
    manager_id: Mapped[str | None] = mapped_column(Id)
    state: Mapped[StaffState] = mapped_column(code_column(StaffState))
    created_at: Mapped[datetime]
