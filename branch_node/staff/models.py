"""The people of this branch as they are told to head office; the database itself writes it from the accounts."""

from shared.db.base import Base
from shared.db.personal import of_staff
from shared.domain.organisation.fields import StaffFields


class StaffMember(StaffFields, Base):
    """A person with an account here, without anything an account is entered with."""

    __tablename__ = "staff"
    __table_args__ = ({"info": of_staff()},)
