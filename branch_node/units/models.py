"""The branch's own tables of tracked units, and the table of whose each was when, which follows the events."""

from datetime import date

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id
from shared.db.personal import about
from shared.domain.units.fields import UnitEventFields, UnitFields

_LIVING = "status = 'in_use'"


class Unit(UnitFields, Base):
    """A tracked unit; of those in use no two bear one number, a retired one gives its number free."""

    __tablename__ = "units"
    __log__ = "unit"
    __table_args__ = (
        ForeignKeyConstraint(["owner_id"], ["customers.id"]),
        Index(
            "uq_units_serial_no",
            "serial_no",
            unique=True,
            sqlite_where=text(_LIVING),
            postgresql_where=text(_LIVING),
        ),
        Index("ix_units_serial_no", "serial_no"),
        Index("ix_units_owner_id", "owner_id"),
        Index("ix_units_product", "product", "model"),
    )


class UnitEvent(UnitEventFields, Base):
    """One thing that happened with a unit; the database refuses to change it."""

    __tablename__ = "unit_events"
    __log__ = "unit_event"
    __table_args__ = (
        # One correction an event: two would both count.
        UniqueConstraint("corrects_id"),
        ForeignKeyConstraint(["unit_id"], ["units.id"]),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["corrects_id"], ["unit_events.id"]),
        CheckConstraint("kind <> 'owner' OR customer_id IS NOT NULL", name="owner_is_somebody"),
        CheckConstraint("kind <> 'void' OR corrects_id IS NOT NULL", name="void_takes_back"),
        CheckConstraint("(cost_minor IS NULL) = (currency IS NULL)", name="cost_has_currency"),
        CheckConstraint("reading IS NULL OR reading >= 0", name="reading_from_zero"),
        CheckConstraint("kind <> 'recall_done' OR recall_no IS NOT NULL", name="recall_has_number"),
        Index("ix_unit_events_unit_id", "unit_id", "happened_on"),
        Index("ix_unit_events_customer_id", "customer_id", "happened_on"),
        Index("ix_unit_events_recall_no", "recall_no", "unit_id"),
    )


class UnitOwner(Base):
    """Whose a unit was from a day until before another; triggers make it from the events (`projection`).

    The constraints leave no other shape than one chain: no two times begin or end on one day, each ends where one
    begins, one has no end. So none overlaps another and between the first and today none is missing.
    """

    __tablename__ = "unit_owners"
    __table_args__ = (
        UniqueConstraint("unit_id", "until_on"),
        ForeignKeyConstraint(
            ["unit_id", "until_on"], ["unit_owners.unit_id", "unit_owners.from_on"], name="next_begins"
        ),
        CheckConstraint("until_on IS NULL OR until_on > from_on", name="ends_later"),
        Index(
            "uq_unit_owners_present",
            "unit_id",
            unique=True,
            sqlite_where=text("until_on IS NULL"),
            postgresql_where=text("until_on IS NULL"),
        ),
        Index("ix_unit_owners_customer_id", "customer_id"),
    )

    unit_id: Mapped[str] = mapped_column(Id, ForeignKey("units.id", ondelete="CASCADE"), primary_key=True)
    from_on: Mapped[date] = mapped_column(Date, primary_key=True)
    until_on: Mapped[date | None] = mapped_column(Date)
    customer_id: Mapped[str | None] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), info=about("customer")
    )
    event_id: Mapped[str] = mapped_column(Id)
