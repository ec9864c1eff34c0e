"""Published items, their versions in the order of publication, and what branches told of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, IdText, Json
from shared.domain.published.vocabulary import ItemKind
from shared.domain.vocabulary import code_column
from shared.ids import new_id

TITLE_LENGTH = 120


class FeedHead(Base):
    """The last publication: its number, and the digest over all up to it. One row, locked while publishing."""

    __tablename__ = "feed_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class FeedItem(Base):
    """One thing that is published; `name` is the table's or the policy's, empty for an announcement.

    `title` is what lists call an announcement; the others are called what their catalogue calls them.
    """

    __tablename__ = "feed_items"
    __table_args__ = (
        Index(
            "uq_feed_items_kind_name",
            "kind",
            "name",
            unique=True,
            sqlite_where=text("name <> ''"),
            postgresql_where=text("name <> ''"),
        ),
        CheckConstraint("(kind = 'announcement') = (name = '')", name="named_unless_announced"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[ItemKind] = mapped_column(code_column(ItemKind))
    name: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))


class FeedVersion(Base):
    """One version of an item: a draft until it is published, never changed from then on.

    `seq` is its place among all publications and `digest` what the feed's head was with it. `branches` are the codes
    it is addressed to, none for all. A draft with `publish_at` is published then. `meant` are the kinds of papers that
    it leaves out although something counts them, as whoever wrote it was told and said.
    """

    __tablename__ = "feed_versions"
    __log__ = "feed_version"
    __table_args__ = (
        CheckConstraint(
            "(seq IS NULL) = (published_at IS NULL) AND (seq IS NULL) = (digest IS NULL)",
            name="published_has_place",
        ),
        CheckConstraint("seq IS NULL OR seq > 0", name="places_from_one"),
    )

    item_id: Mapped[str] = mapped_column(Id, ForeignKey("feed_items.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    digest: Mapped[str | None] = mapped_column(String(64))
    withdrawn: Mapped[bool] = mapped_column(Boolean, default=False)
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    branches: Mapped[list[str]] = mapped_column(Json)
    expires_at: Mapped[datetime | None]
    publish_at: Mapped[datetime | None] = mapped_column(index=True)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    published_at: Mapped[datetime | None]
    published_by: Mapped[str | None] = mapped_column(String(80))
    meant: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")

    @property
    def is_published(self) -> bool:
        """Whether branches get it, or got it before a newer one."""
        return self.seq is not None

    def addresses(self, code: str) -> bool:
        """Whether this version gives its body to a branch."""
        return not self.withdrawn and (not self.branches or code in self.branches)


class FeedTelling(Base):
    """What a branch told of one version: whether it came, is obeyed, or was refused and why.

    `received_at` and `applied_at` are by the branch's clock and only shown, `told_at` is by ours.
    """

    __tablename__ = "feed_tellings"

    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"), primary_key=True)
    item_id: Mapped[str] = mapped_column(Id, ForeignKey("feed_items.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[str]] = mapped_column(Json)
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    reads: Mapped[int | None] = mapped_column(Integer)
    readers: Mapped[int | None] = mapped_column(Integer)
    told_at: Mapped[datetime]


class FeedStanding(Base):
    """Where a branch stands: the number of its last telling, and how far it has followed the feed."""

    __tablename__ = "feed_standings"

    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    told_at: Mapped[datetime]
