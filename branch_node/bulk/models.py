"""What was done to many customers at once, and what became of each."""

from datetime import datetime
from typing import Any, Final

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


class BulkState(Vocabulary):
    """Where a bulk act stands; those IN_WORK go on by themselves, whoever looks."""

    TRYING = ("trying", N_("Being tried"), "预演中")
    TRIED = ("tried", N_("Tried, not done yet"), "已预演，待执行")
    RUNNING = ("running", N_("Being done"), "执行中")
    DONE = ("done", N_("Done"), "已完成")
    STOPPED = ("stopped", N_("Stopped"), "已停止")
    UNDOING = ("undoing", N_("Being taken back"), "撤回中")


IN_WORK: Final = (BulkState.TRYING, BulkState.RUNNING, BulkState.UNDOING)
# Nothing of it is done yet, and it may be forgotten.
PLANNED: Final = (BulkState.TRYING, BulkState.TRIED)


class RowState(Vocabulary):
    """What became of one customer in a bulk act; FIT are those that trying it changed."""

    WAITING = ("waiting", N_("not done"), "未执行")
    FIT = ("fit", N_("can be done"), "可执行")
    DONE = ("done", N_("done"), "已完成")
    LEFT = ("left", N_("left out"), "未处理")
    UNDONE = ("undone", N_("taken back"), "已撤回")
    KEPT = ("kept", N_("not taken back"), "未撤回")


class BulkAct(Base):
    """One bulk act; never removed once begun. `value` is the code, tag or id it set, `reason` why, said of all of them.

    `asked` counts whom it is to reach and `handled` whom the present step has reached; `failure` is the sentence of
    what stopped it, `stopped_by` who did.
    """

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
    undone_by_id: Mapped[str | None] = mapped_column(Id)
    state: Mapped[BulkState] = mapped_column(
        code_column(BulkState), default=BulkState.DONE, server_default=BulkState.DONE.value
    )
    asked: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    handled: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    ended_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None] = mapped_column(String(80))
    failure: Mapped[str | None] = mapped_column(String(200))

    @property
    def left_undone(self) -> int:
        """How many it was stopped before; those who are no longer here count among them."""
        return max(0, self.asked - self.done - self.left_out) if self.state is BulkState.STOPPED else 0


class BulkRow(Base):
    """One customer of a bulk act: `before` is the code or end it replaced, `why` the sentence of who is left out.

    Of who is handed over `before` is the id of the hand-over, which knows whose they were. `done_at` is when, where an
    act takes longer than a moment.
    """

    __tablename__ = "bulk_rows"
    __table_args__ = (
        Index("ix_bulk_rows_customer_id", "customer_id"),
        Index("ix_bulk_rows_act_id", "act_id", "state", "customer_id"),
    )

    act_id: Mapped[str] = mapped_column(Id, ForeignKey("bulk_acts.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[RowState] = mapped_column(code_column(RowState))
    before: Mapped[str | None] = mapped_column(String(40))
    why: Mapped[str | None] = mapped_column(String(200))
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    done_at: Mapped[datetime | None]
