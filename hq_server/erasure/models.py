"""What head office did about the erasures of branches."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id


class ErasureDone(Base):
    """That an erasure told by a branch was carried out here too; never removed.

    (`row_lineage`, `row_change`) is the version under which it first came: older lines of that customer are from
    before. `ahead`: this database was restored to before the erasure, and the rows were blanked before the branch sent
    them so. `removed` counts what was found beside the rows; `written_over_at` is when nothing was left on the disk.
    """

    __tablename__ = "erasures_done"
    __table_args__ = (Index("ix_erasures_done_customer", "branch_number", "customer_id"),)

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    erasure_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    row_lineage: Mapped[int] = mapped_column(Integer)
    row_change: Mapped[int] = mapped_column(BigInteger)
    ahead: Mapped[bool] = mapped_column(Boolean, default=False)
    done_at: Mapped[datetime]
    removed: Mapped[int] = mapped_column(Integer, default=0)
    last_removed_at: Mapped[datetime]
    written_over_at: Mapped[datetime | None]
