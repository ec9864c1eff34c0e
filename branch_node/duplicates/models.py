"""The finder's own tables: under which keys a customer is looked for, and which pairs it found."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.vocabulary import code_column


class DuplicateFile(Base):
    """What a customer's file was when the finder last looked at it: another digest, and it looks again."""

    __tablename__ = "duplicate_files"

    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[int] = mapped_column(BigInteger)


class DuplicateKey(Base):
    """One key under which a customer is looked for; a digest, of which nothing can be read."""

    __tablename__ = "duplicate_keys"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class DuplicatePair(Base):
    """Two customers who may be one, `one_id` the file that is older; `levels` say how far each field agrees.

    `one_digest` and `other_digest` are the files as they were compared: what was decided holds until one changes.
    """

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        UniqueConstraint("one_id", "other_id"),
        Index("ix_duplicate_pairs_state", "state", "score"),
        CheckConstraint("one_id < other_id", name="one_before_other"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_by_somebody"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    one_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id", ondelete="CASCADE"))
    other_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    score: Mapped[int] = mapped_column(Integer)
    levels: Mapped[dict[str, Any]] = mapped_column(Json)
    weights: Mapped[int] = mapped_column(Integer)
    one_digest: Mapped[int] = mapped_column(BigInteger)
    other_digest: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[PairState] = mapped_column(code_column(PairState), default=PairState.OPEN)
    found_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))
