"""The tables of the retained archive: its entries, where their chain ends, and the unlockings of entries.

The database itself refuses to change them (guards.py).
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, IdText, instant_text
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.archive.chain import link
from shared.domain.archive.vocabulary import EntryKind, UnlockPurpose
from shared.domain.vocabulary import code_column

REASON_LENGTH = 500
DIGEST_LENGTH = 64


class ArchiveEntry(Base):
    """One entry of the retained archive, chained to the one before it; never changed and never deleted.

    `content` is sealed with the customer's key. Only a removal decided by two takes it away; the entry stays.
    What a person said of why stands in it; `reason` is the program's own word. `of_id` is the entry a note,
    correction or removal is about, `unlock_id` what allowed it.
    """

    __tablename__ = "archive_entries"
    __table_args__ = (
        CheckConstraint("(kind = 'file') = (of_id IS NULL)", name="about_an_entry"),
        CheckConstraint("(kind = 'file') = (unlock_id IS NULL)", name="unlocked"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigCounter, unique=True)
    kind: Mapped[EntryKind] = mapped_column(code_column(EntryKind))
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id"), index=True, info=about("customer")
    )
    customer_no: Mapped[str] = mapped_column(String(40), info=not_personal())
    made_at: Mapped[datetime] = mapped_column(index=True)
    made_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), info=not_personal())
    of_id: Mapped[str | None] = mapped_column(Id, ForeignKey("archive_entries.id"), index=True)
    # No foreign key, which would make a circle: the guards ask for the unlocking, and verifying does.
    unlock_id: Mapped[str | None] = mapped_column(Id)
    content: Mapped[str | None] = mapped_column(Text, deferred=True, info=personal(FieldClass.FREE_TEXT))
    content_digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), info=not_personal())
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), info=not_personal())

    def linked(self, before: str) -> str:
        """Return the digest this entry has to have behind the digest `before`."""
        values = (
            self.seq,
            self.id,
            self.kind.value,
            self.customer_id,
            self.customer_no,
            instant_text(self.made_at),
            self.made_by,
            self.reason,
            self.of_id,
            self.unlock_id,
            self.content_digest,
        )
        return link(before, values)


class ArchiveHead(Base):
    """Where the chain of the archive ends: one row, `mac` made with the node's log key."""

    __tablename__ = "archive_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=1)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH))
    mac: Mapped[str | None] = mapped_column(String(DIGEST_LENGTH))


class ArchiveUnlock(Base):
    """That two people opened one entry for some minutes; it closes by itself.

    The program measures from `opened_at` by its own clock, the database from `clock_at` by the database's: whichever
    says first that the time is over is right.
    """

    __tablename__ = "archive_unlocks"
    __log__ = "archive_unlock"
    __table_args__ = (
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_somebody"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True)
    entry_id: Mapped[str] = mapped_column(Id, ForeignKey("archive_entries.id"), index=True)
    purpose: Mapped[UnlockPurpose] = mapped_column(code_column(UnlockPurpose))
    act_id: Mapped[str] = mapped_column(Id, ForeignKey("two_person_acts.id"), unique=True)
    asked_by: Mapped[str] = mapped_column(String(80))
    approved_by: Mapped[str] = mapped_column(String(80))
    minutes: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    clock_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(80))

    def is_open(self, at: datetime) -> bool:
        """Whether it still allows anything at this instant of the program's clock."""
        return self.closed_at is None and self.opened_at <= at < self.until
