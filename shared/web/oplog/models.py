"""Combinations of filters and groups that people keep."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, IdText
from shared.ids import new_id

NAME_LENGTH = 60


class LogView(Base):
    """A question to the operation log under a name: its owner's alone, or everybody's who may read the log.

    `query` is the question as it stands in an address; whoever opens it sees what he may see.
    """

    __tablename__ = "log_views"
    __table_args__ = (Index("uq_log_views_owner_id_name", "owner_id", "name", unique=True),)

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[IdText]
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
