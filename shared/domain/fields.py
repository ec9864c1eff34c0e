"""Columns that many records share."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.stamp import Stamp


class Identified:
    """A record's own id: UUIDv7, made at the branch that owns the record."""

    id: Mapped[str] = mapped_column(Id, primary_key=True, sort_order=-100)


class Created:
    """Who made the record and when, kept for ever (an import keeps the original author and date)."""

    created_at: Mapped[datetime] = mapped_column(sort_order=90)
    created_by: Mapped[str] = mapped_column(String(80), sort_order=91)


class Updated(Created):
    """Who made and who last changed the record."""

    updated_at: Mapped[datetime] = mapped_column(sort_order=92)
    updated_by: Mapped[str] = mapped_column(String(80), sort_order=93)

    def touch(self, by: Stamp) -> None:
        """Write down that `by` changed this record."""
        self.updated_at = by.at
        self.updated_by = by.actor
