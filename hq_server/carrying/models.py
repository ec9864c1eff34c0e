"""What HQ carries of versions later than its own, and up to which version it has taken everything in."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json


class CarriedValues(Base):
    """The values of one row's columns that HQ did not know when it came, in the order of version `schema_version`.

    They are the columns that follow those of `known_version`, HQ's own when the row came, and belong to the row's
    version (row_lineage, row_change).
    """

    __tablename__ = "carried_values"
    __table_args__ = (Index("ix_carried_values_schema", "branch_number", "record_type", "known_version"),)

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    row_lineage: Mapped[int] = mapped_column(Integer)
    row_change: Mapped[int] = mapped_column(BigInteger)
    schema_version: Mapped[int] = mapped_column(Integer)
    known_version: Mapped[int] = mapped_column(Integer)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    values: Mapped[list[Any]] = mapped_column(Json)


class SchemaTaken(Base):
    """The version of a record type up to which HQ has taken in what it carried and checked refused rows again."""

    __tablename__ = "schemas_taken"

    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[datetime]
