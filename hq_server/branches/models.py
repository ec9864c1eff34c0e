"""Which branches may talk to HQ, with which key, and when each was last heard."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json


class Branch(Base):
    """A branch; `number` is the short key every replica row of this branch leads with.

    `data_as_of` is the instant, by HQ's clock, at which HQ last held everything the branch had
    committed: a contact that left nothing pending. `pending` is what the branch said it still held.
    `contact_id` is the last contact accepted, `contacts_before` the ones its node had begun before it;
    `contender_id` is the last contact refused because it came from a copy. `record_types` are those it sends here,
    null when it sends all: it may send others to other receivers.
    """

    __tablename__ = "branches"
    __log__ = "branch"
    __table_args__ = (CheckConstraint("(node_id IS NULL) = (joined_at IS NULL)", name="joined_has_node"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    enrolled_at: Mapped[datetime]
    node_id: Mapped[str | None] = mapped_column(Id, unique=True)
    joined_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    last_address: Mapped[str | None] = mapped_column(String(60))
    data_as_of: Mapped[datetime | None]
    pending: Mapped[int] = mapped_column(Integer, default=0)
    push_interval_s: Mapped[int] = mapped_column(Integer, default=600)
    last_cycle_ms: Mapped[int | None] = mapped_column(Integer)
    contact_id: Mapped[str | None] = mapped_column(Id)
    contacts_before: Mapped[list[str] | None] = mapped_column(Json)
    contender_id: Mapped[str | None] = mapped_column(Id)
    contender_at: Mapped[datetime | None]
    record_types: Mapped[list[str] | None] = mapped_column(Json)

    def sends(self, record_type: str) -> bool:
        """Whether rows of this type are to be expected here."""
        return self.record_types is None or record_type in self.record_types


class BranchLineage(Base):
    """One history of a branch's data; a branch restored from a backup opens the next one.

    `forked_at` tells by channel the last batch `[lineage, batch_no, digest]` that both sides held.
    """

    __tablename__ = "branch_lineages"

    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"), primary_key=True)
    lineage: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    lineage_id: Mapped[str] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(40))
    forked_at: Mapped[dict[str, Any]] = mapped_column(Json)
    opened_at: Mapped[datetime]


class EnrolmentCode(Base):
    """A one-time code that lets one node join as one branch; only its hash is kept.

    One given out `again` lets a node take the place of the branch's present one.
    """

    __tablename__ = "enrolment_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    again: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class BranchNode(Base):
    """A node that was a branch's before its present one; batches it sealed still name it."""

    __tablename__ = "branch_nodes"

    node_id: Mapped[str] = mapped_column(Id, primary_key=True)
    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"), index=True)
    replaced_at: Mapped[datetime]


class BranchKey(Base):
    """A branch node's public Ed25519 key, pinned at enrolment or announced by the key before it.

    From `valid_until` on, when set, it is refused; that is its overlap with the key that follows it.
    """

    __tablename__ = "branch_keys"

    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch_number: Mapped[int] = mapped_column(ForeignKey("branches.number"), index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    pinned_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_used_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
