"""What this branch holds of what head office published, and how far it has followed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json

# Nothing in force is NULL to the database as well, not the JSON word for it.
_BODY = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class FeedPlace(Base):
    """How far this branch has followed the feed; one row.

    `telling` is the number of the last telling HQ has kept. `ahead_ms` is how far HQ's clock was ahead of ours when
    it was last heard: what HQ lets begin and end does so by HQ's time.
    """

    __tablename__ = "inbound_place"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    telling: Mapped[int] = mapped_column(BigInteger)
    ahead_ms: Mapped[int] = mapped_column(BigInteger)
    followed_at: Mapped[datetime | None]


class InboundItem(Base):
    """One published item: the newest `version` that came and what became of it, and the one that is in force.

    `body` is what is in force, of version `body_version`: an earlier one when the newest was refused, null when there
    is none or the item is `withdrawn`. `refused` keeps what came and could not be obeyed, for a newer program.
    `told` is whether HQ knows what became of `version`.
    """

    __tablename__ = "inbound_items"
    __table_args__ = (
        CheckConstraint("(body IS NULL) = (body_version IS NULL)", name="body_has_version"),
        Index("ix_inbound_items_kind_name", "kind", "name"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(Integer)
    withdrawn: Mapped[bool] = mapped_column(Boolean)
    outcome: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[str]] = mapped_column(Json)
    published_at: Mapped[datetime]
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(_BODY)
    body_version: Mapped[int | None] = mapped_column(Integer)
    expires_at: Mapped[datetime | None]
    refused: Mapped[dict[str, Any] | None] = mapped_column(_BODY)
    told: Mapped[bool] = mapped_column(Boolean)


class InboundCode(Base):
    """One code of a table: kept with its words for as long as records may hold it, offered until `withdrawn`."""

    __tablename__ = "inbound_codes"

    table_name: Mapped[str] = mapped_column(String(80), primary_key=True)
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    zh: Mapped[str] = mapped_column(String(60))
    en: Mapped[str] = mapped_column(String(60))
    position: Mapped[int] = mapped_column(Integer)
    withdrawn: Mapped[bool] = mapped_column(Boolean)


class InboundGone(Base):
    """What an item that is gone said last, and in which version: records that name it stay readable."""

    __tablename__ = "inbound_gone"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(Json)


class AnnouncementReading(Base):
    """Somebody has read one version of an announcement."""

    __tablename__ = "announcement_readings"

    item_id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    read_at: Mapped[datetime]
