"""The departments of this node."""

from sqlalchemy import CheckConstraint, UniqueConstraint

from shared.db.base import Base
from shared.domain.organisation.fields import DepartmentFields


class Department(DepartmentFields, Base):
    """A department of this node; nobody deletes one, for people and the operation log name it: it is retired."""

    __tablename__ = "departments"
    __log__ = "department"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_under_itself"),
    )
