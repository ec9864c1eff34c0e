"""What a branch keeps of the receivers besides head office, which it always has and which takes every record type."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id
from shared.db.scope import NAME_LENGTH, KeyedByReceiver


class Receiver(Base):
    """One more `hq_server` this branch sends to; `records` are the record types it takes.

    `left_at` is when it was removed: nothing is captured for it any more; its chain stays, so that it can be joined
    again. `cleared_at` is when the last of what was kept to be sent to it was gone. `not_before` is its next turn.
    """

    __tablename__ = "receivers"
    __log__ = "receiver"

    name: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    records: Mapped[list[str]]
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]


class FirstLoad(KeyedByReceiver, Base):
    """How far the rows that were there when a receiver came have been put into its change log.

    `through` is the id of the last one, null before the first; `done_at` is null until all are in.
    """

    __tablename__ = "receiver_loads"

    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    through: Mapped[str | None] = mapped_column(Id)
    done_at: Mapped[datetime | None]
