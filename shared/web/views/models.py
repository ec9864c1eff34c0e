"""Views of lists, and which of them a list opens with."""

from datetime import datetime
from typing import Final

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, IdText
from shared.ids import new_id

NAME_LENGTH: Final = 60
LIST_LENGTH: Final = 40


class ListView(Base):
    """A list's address under a name: its owner's alone, or everybody's who may open the list.

    Whoever opens it sees the rows he may see. A removed one can be brought back for a while.
    """

    __tablename__ = "list_views"
    __table_args__ = (
        Index(
            "uq_list_views_owner_id_list_name",
            "owner_id",
            "list",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    list: Mapped[str] = mapped_column(String(LIST_LENGTH))
    owner_id: Mapped[IdText]
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    removed_at: Mapped[datetime | None]


class ListStart(Base):
    """With which view somebody's list opens: the id of a kept one or the code of a ready-made one."""

    __tablename__ = "list_starts"

    user_id: Mapped[IdText] = mapped_column(primary_key=True)
    list: Mapped[str] = mapped_column(String(LIST_LENGTH), primary_key=True)
    view: Mapped[str] = mapped_column(String(40))
