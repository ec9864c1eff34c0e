"""The branch's own table of work log entries."""

from typing import Final, cast

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Table, UniqueConstraint

from shared.db.base import Base
from shared.db.search_followed import FollowedTable
from shared.domain.worklogs.fields import WorkLogFields


class WorkLog(WorkLogFields, Base):
    """One entry of an account manager's log; the database refuses to change it."""

    __tablename__ = "work_logs"
    __log__ = "work_log"
    __table_args__ = (
        UniqueConstraint("log_no"),
        ForeignKeyConstraint(["manager_id"], ["managers.id"]),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["corrects_id"], ["work_logs.id"]),
        CheckConstraint("ended_at IS NULL OR ended_at >= started_at", name="ends_after_start"),
        Index("ix_work_logs_manager_id_started_at", "manager_id", "started_at"),
        Index("ix_work_logs_customer_id_started_at", "customer_id", "started_at"),
        Index("ix_work_logs_started_at", "started_at"),
        Index("ix_work_logs_corrects_id", "corrects_id"),
    )


_SEARCHED: Final = ("log_no", "place", "text")
WORK_LOG_SEARCH: Final = FollowedTable(
    "work_log_search", cast("Table", WorkLog.__table__), columns=_SEARCHED, looked_at=_SEARCHED
)
WORK_LOG_SEARCH.create_with_source()
