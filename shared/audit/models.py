"""The tables of the operation log: entries, where their chain stands, and the keys of what is sealed in them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import CheckConstraint, Dialect, Enum, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from shared.audit.vocabulary import LogAction, LogOutcome
from shared.db.base import Base, BigCounter, Id, IdText
from shared.ids import new_id

DIGEST_LENGTH = 64
_encode = msgspec.json.Encoder(order="sorted").encode
# What a person may do is checked where it is written: a check in the table would need a revision for each new word.
WORD = {"native_enum": False, "create_constraint": False, "length": 20}


class JsonText(TypeDecorator[Any]):
    """JSON kept as the text it was written as: the chain is over that text, and jsonb would write its own."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - set by the base class
        """Write a value as text."""
        return None if value is None else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - set by the base class
        """Read it back."""
        return None if value is None else json.loads(value)


class AuditEntry(Base):
    """One act of a person, a job or an interface; entries are only ever added, in the order of `seq`, without gaps.

    `changes` is {field: [before, after]} of a create, change or delete; where it says {field: "sealed"}, the two
    values stand in `sealed`, which only `shared.audit.sealing` reads. Written just before the commit, see `pending`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject_type", "subject_id", "seq"),
        Index("ix_audit_entries_at", "at"),
        Index("ix_audit_entries_actor", "actor", "at"),
        Index("ix_audit_entries_action", "action", "at"),
        Index("ix_audit_entries_module", "module", "at"),
        Index("ix_audit_entries_manager_id", "manager_id", "at"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    seq: Mapped[int] = mapped_column(BigCounter, unique=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str | None] = mapped_column(Id)
    manager_id: Mapped[str | None] = mapped_column(Id)
    via: Mapped[str] = mapped_column(String(20))
    terminal: Mapped[str] = mapped_column(String(60))
    action: Mapped[LogAction] = mapped_column(Enum(LogAction, values_callable=lambda all_: [*all_], **WORD))
    event: Mapped[str] = mapped_column(String(60))
    module: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[LogOutcome] = mapped_column(
        Enum(LogOutcome, values_callable=lambda all_: [*all_], **WORD)
    )
    subject_type: Mapped[str | None] = mapped_column(String(40))
    subject_id: Mapped[str | None] = mapped_column(String(80))
    details: Mapped[dict[str, Any]] = mapped_column(JsonText)
    changes: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    sealed: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH))


class AuditHead(Base):
    """Where this node's chain ends: one row, locked last in every transaction that tells something.

    `mac` is made with the node's log key: whoever can write the database but not read keys/ cannot cut the log's end.
    """

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=1)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH))
    mac: Mapped[str | None] = mapped_column(String(DIGEST_LENGTH))


class AuditKey(Base):
    """The key that seals what entries say about one subject, itself wrapped by the node's log key.

    Removing the row makes those values unreadable for ever; the chain still holds.
    """

    __tablename__ = "audit_keys"

    subject_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    wrapped: Mapped[str] = mapped_column(String(120))


def json_text(value: Mapping[str, Any]) -> str:
    """Return a JSON object as it stands in the log: sorted, without spaces."""
    return _encode(value).decode()
