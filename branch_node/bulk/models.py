"""What was done to many customers at once, and what became of each."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json
from shared.domain.vocabulary import Vocabulary, code_column
from shared.errors import N_


class BulkKind(Vocabulary):
    """What can be done to many customers at once."""

    ADD_TAG = ("add_tag", N_("Add a tag"), "添加标签")
    DROP_TAG = ("drop_tag", N_("Take a tag away"), "去掉标签")
    STAGE = ("stage", N_("Move to a stage"), "变更阶段")
    TIER = ("tier", N_("Move to a tier"), "变更价值等级")
    LEVEL = ("level", N_("Set the service level"), "设置服务级别")
    CHANNEL = ("channel", N_("Set the preferred channel"), "设置首选渠道")
    SHARE = ("share", N_("Share with an account manager"), "共享给客户经理")
    HAND_OVER = ("hand_over", N_("Hand over to an account manager"), "移交给客户经理")
    RETIRE = ("retire", N_("Close"), "注销")


class RowState(Vocabulary):
    """What became of one customer in a bulk act."""

    DONE = ("done", N_("done"), "已完成")
    LEFT = ("left", N_("left out"), "未处理")
    UNDONE = ("undone", N_("taken back"), "已撤回")
    KEPT = ("kept", N_("not taken back"), "未撤回")


class BulkAct(Base):
    """One bulk act; never removed. `value` is the code, tag or id it set, `reason` why, said of all of them."""

    __tablename__ = "bulk_acts"
    __table_args__ = (Index("ix_bulk_acts_made_at", "made_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[BulkKind] = mapped_column(code_column(BulkKind))
    value: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(String(200))
    done: Mapped[int] = mapped_column(Integer)
    left_out: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    made_by_id: Mapped[str | None] = mapped_column(Id)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(80))


class BulkRow(Base):
    """One customer of a bulk act: `before` is the code or end it replaced, `why` the sentence of who is left out.

    Of who is handed over `before` is the id of the hand-over, which knows whose they were.
    """

    __tablename__ = "bulk_rows"
    __table_args__ = (Index("ix_bulk_rows_customer_id", "customer_id"),)

    act_id: Mapped[str] = mapped_column(Id, ForeignKey("bulk_acts.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[RowState] = mapped_column(code_column(RowState))
    before: Mapped[str | None] = mapped_column(String(40))
    why: Mapped[str | None] = mapped_column(String(200))
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
