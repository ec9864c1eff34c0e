"""The branch's own table of account managers."""

from sqlalchemy import UniqueConstraint

from shared.db.base import Base
from shared.domain.managers.fields import ManagerFields


class Manager(ManagerFields, Base):
    """An account manager of this branch."""

    __tablename__ = "managers"
    __log__ = "manager"
    __table_args__ = (UniqueConstraint("manager_no"),)
