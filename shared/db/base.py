"""The declarative base, and the column types that mean the same on both databases."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from sqlalchemy import JSON, BigInteger, Date, Dialect, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from shared.ids import ID_LENGTH

NAMING: Final[Mapping[str, str]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
INSTANT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
INSTANT_LENGTH: Final = 27


class Id(TypeDecorator[str]):
    """A UUID as text in Python; native `uuid` on PostgreSQL, 36 characters on SQLite."""

    impl = String(ID_LENGTH)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type where there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(UUID(as_uuid=False))
        return dialect.type_descriptor(String(ID_LENGTH))


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; `timestamptz` on PostgreSQL, sortable ISO text on SQLite."""

    impl = String(INSTANT_LENGTH)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type where there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(INSTANT_LENGTH))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - set by the base class
        """Refuse naive instants; they mean nothing here."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant must be aware"
            raise ValueError(msg)
        return value.astimezone(UTC) if dialect.name == "postgresql" else instant_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002 - set by the base class
        """Return an aware UTC datetime."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if len(value) == INSTANT_LENGTH and value[-1] == "Z":
            return datetime.fromisoformat(value)  # ten times as fast, and a list has hundreds
        return datetime.strptime(value, INSTANT_FORMAT).replace(tzinfo=UTC)


# Wide counters: BIGINT on PostgreSQL; SQLite needs INTEGER for AUTOINCREMENT and is 64 bits wide anyway.
BigCounter = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")

IdText = Annotated[str, mapped_column(Id)]
Money = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """Base of every table of both tiers; migrations pick each tier's own."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - the name and form SQLAlchemy asks for
        datetime: Instant,
        dict[str, Any]: Json,
        list[str]: Json,
        list[Any]: Json,
    }


def instant_text(value: datetime) -> str:
    """Return an instant as it stands on the wire and in SQLite: 27 characters, UTC, microseconds."""
    # Not strftime: %Y has no leading zeros before the year 1000.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def minor_units(amount: Decimal, *, digits: int = 2) -> int:
    """Return an exact amount in minor units; raises ValueError when it has more digits than the currency."""
    scaled = amount.scaleb(digits)
    if scaled != scaled.to_integral_value():
        msg = f"{amount} has more than {digits} decimals"
        raise ValueError(msg)
    return int(scaled)


__all__ = [
    "INSTANT_FORMAT",
    "INSTANT_LENGTH",
    "Base",
    "BigCounter",
    "Date",
    "Id",
    "IdText",
    "Instant",
    "Json",
    "Money",
    "instant_text",
    "minor_units",
]
