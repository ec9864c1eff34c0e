"""The branch's identity links, and what each merge needs to be taken back."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.fields import Identified
from shared.domain.identity.fields import CustomerIdentityFields
from shared.domain.vocabulary import Vocabulary, code_column
from shared.errors import N_
from shared.stamp import Stamp


class CustomerIdentity(CustomerIdentityFields, Base):
    """That a customer of this branch was merged into another; gone when they are parted again."""

    __tablename__ = "customer_identities"
    __log__ = "customer_identity"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        UniqueConstraint("customer_id"),
        Index("ix_customer_identities_identity_id", "identity_id"),
        CheckConstraint("customer_id <> identity_id", name="another"),
    )


class MergeState(Vocabulary):
    """How far a merge of two files is."""

    PROPOSED = ("proposed", N_("proposed"), "已提出")
    MERGED = ("merged", N_("merged"), "已合并")
    REFUSED = ("refused", N_("refused"), "已拒绝")
    UNDONE = ("undone", N_("taken back"), "已拆分")


class CustomerMerge(Identified, Base):
    """One merge, from its proposal on; never removed.

    `chosen` are the columns the survivor takes from the other file, `before` and `after` what they held; `moved` what
    else the merge did, by kind. `stood` is the survivor's last change before and after.
    """

    __tablename__ = "customer_merges"
    __log__ = "customer_merge"
    __table_args__ = (
        CheckConstraint("survivor_id <> loser_id", name="two_files"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided_by_somebody"),
        Index("ix_customer_merges_state", "state", "survivor_id"),
        Index("ix_customer_merges_loser_id", "loser_id"),
    )

    survivor_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id"), info=about("customer"))
    loser_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id"))
    state: Mapped[MergeState] = mapped_column(code_column(MergeState))
    chosen: Mapped[list[str]] = mapped_column(Json, info=not_personal())
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(String(80), info=not_personal())
    proposed_by_id: Mapped[str | None] = mapped_column(Id, info=not_personal())
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(80), info=not_personal())
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(80), info=not_personal())
    before: Mapped[dict[str, Any]] = mapped_column(Json, info=personal(FieldClass.FREE_TEXT), default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(Json, info=personal(FieldClass.FREE_TEXT), default=dict)
    moved: Mapped[dict[str, Any]] = mapped_column(Json, info=not_personal(), default=dict)
    stood: Mapped[dict[str, Any]] = mapped_column(Json, info=not_personal(), default=dict)

    def is_of(self, by: Stamp) -> bool:
        """Tell whether the same person proposed it, by account or, before accounts stood here, by name."""
        if self.proposed_by_id is not None:
            return self.proposed_by_id == by.actor_id
        return self.proposed_by == by.actor[:80]
