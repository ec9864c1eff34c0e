"""The branch's own table of erasures."""

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.domain.erasure.fields import ErasureFields


class Erasure(ErasureFields, Base):
    """That a customer of this branch was erased; never removed, and while it stands nothing of them comes back.

    `through_batch` is the last sealed batch of that moment: those up to it may hold what was erased.
    """

    __tablename__ = "erasures"
    __log__ = "erasure"
    __table_args__ = (UniqueConstraint("customer_id"),)

    through_batch: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0", sort_order=100)
