"""The branch's own table of customers."""

from datetime import date, datetime
from typing import Final, cast

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.db.search_followed import FollowedTable
from shared.domain.contacts.fields import ContactFields
from shared.domain.customers.fields import CustomerFields
from shared.domain.customers.vocabulary import MoveOf
from shared.domain.vocabulary import code_column


class Customer(CustomerFields, Base):
    """A customer of this branch; only this branch changes it."""

    __tablename__ = "customers"
    __log__ = "customer"
    __table_args__ = (
        UniqueConstraint("customer_no"),
        ForeignKeyConstraint(["manager_id"], ["managers.id"]),
        # Most statements of account managers ask whom they hold: ids and regions stand in it too.
        Index("ix_customers_manager_id", "manager_id", "region_code", "id"),
        Index("ix_customers_mobile", "mobile"),
        Index("ix_customers_opened_on", "opened_on"),
        Index("ix_customers_id_no", "id_no"),
        Index("ix_customers_name", "name"),
        Index("ix_customers_updated_at", "updated_at"),
        Index("ix_customers_region_code", "region_code"),
        # Few customers have one; no foreign key: rows that come back from a receiver come in any order.
        Index(
            "ix_customers_parent_id",
            "parent_id",
            sqlite_where=text("parent_id IS NOT NULL"),
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
    )


class Contact(ContactFields, Base):
    """A person to speak to at a customer of this branch; it stands here for the search, which finds customers by it."""

    __tablename__ = "contacts"
    __log__ = "contact"
    __table_args__ = (
        UniqueConstraint("contact_no"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        Index("ix_contacts_customer_id", "customer_id"),
        Index("ix_contacts_mobile", "mobile"),
    )


class CustomerShare(Base):
    """That an account manager sees and serves a customer somebody else holds, until `ends_at` or for good."""

    __tablename__ = "customer_shares"
    __log__ = "customer_share"

    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    manager_id: Mapped[str] = mapped_column(Id, ForeignKey("managers.id"), primary_key=True, index=True)
    shared_at: Mapped[datetime]
    shared_by: Mapped[str] = mapped_column(String(80))
    ends_at: Mapped[datetime | None]


class CustomerMove(Base):
    """That a customer came to another life-cycle stage or value tier, when and why; never changed.

    `after` is null where a first one was taken back: the customer stands nowhere again, as before it.
    `import_id` is the import that brought it: taken back, it takes its moves along.
    """

    __tablename__ = "customer_moves"
    __log__ = "customer_move"
    __table_args__ = (
        Index("ix_customer_moves_customer_id", "customer_id", "moved_on"),
        Index(
            "ix_customer_moves_import_id",
            "import_id",
            sqlite_where=text("import_id IS NOT NULL"),
            postgresql_where=text("import_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), info=about("customer")
    )
    what: Mapped[MoveOf] = mapped_column(code_column(MoveOf))
    before: Mapped[str | None] = mapped_column(String(20), info=not_personal())
    after: Mapped[str | None] = mapped_column(String(20), info=not_personal())
    moved_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200), info=personal(FieldClass.FREE_TEXT))
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    import_id: Mapped[str | None] = mapped_column(Id)


class FieldAge(Base):
    """When a field of a customer last changed, and when somebody confirmed what it says since; none: never since made.

    The database keeps the changes (`ages.py`); a confirmation is told by the operation log at the customer.
    """

    __tablename__ = "customer_field_ages"

    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(30), primary_key=True)
    changed_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(80))


class Serving(Base):
    """That a service operator is serving a customer: while it lasts, the file is open to them."""

    __tablename__ = "customer_servings"
    __log__ = "customer_serving"

    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime]


_SEARCHED: Final = ("customer_no", "name", "short_name", "mobile", "phone", "id_no", "email", "legacy_no")
CUSTOMER_SEARCH: Final = FollowedTable(
    "customer_search",
    cast("Table", Customer.__table__),
    columns=(*_SEARCHED, "manager_id"),
    looked_at=_SEARCHED,
)
CUSTOMER_SEARCH.create_with_source()

_CONTACT_SEARCHED: Final = ("name", "mobile", "phone", "email")
CONTACT_SEARCH: Final = FollowedTable(
    "contact_search", cast("Table", Contact.__table__), columns=_CONTACT_SEARCHED, looked_at=_CONTACT_SEARCHED
)
CONTACT_SEARCH.create_with_source()
