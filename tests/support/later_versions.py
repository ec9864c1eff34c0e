"""Versions of the customer's schema that do not exist yet, made as real ones are, and nodes that know them.

The next one adds `care`, the one after it widens that and adds `vip_note`. A table of a later version has both columns
with the defaults a migration would give them: those its upcaster gives.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Column, MetaData, String, Table, text

from hq_server import app as hq_app
from shared.db.engine import Database
from sync_protocol.catalog import CATALOG, Binding, Bindings
from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.fields import Code, Text
from sync_protocol.contract.records import RECORDS
from tests.support.world import BranchHere, World

NOW: Final = CATALOG["customer"].version
NEXT: Final = NOW + 1
LAST: Final = NOW + 2


class CustomerNext(RECORDS["customer", NOW].schema):  # type: ignore[misc]
    """A customer's profile, with how much care it needs."""

    care = Code(("low", "high"))


class CustomerLast(CustomerNext):
    """A customer's profile, with a further code and a further column."""

    care = Code(("low", "high", "vip"))
    vip_note = Text(40, nullable=True)


SCHEMAS: Final[Mapping[tuple[str, int], RecordCheck]] = {
    **RECORDS,
    ("customer", NEXT): RecordCheck(CustomerNext, added=lambda _row: ("low",)),
    ("customer", LAST): RecordCheck(CustomerLast, added=lambda _row: (None,)),
}


def at_version(bindings: Bindings, version: int) -> dict[str, Binding]:
    """Return a node's bindings as a release knows them whose customers are of `version`."""
    customer = bindings["customer"]
    record = replace(CATALOG["customer"], version=version, schemas=SCHEMAS)
    table = customer.table if "care" in customer.table.c else _with_columns(customer.table)
    return {**bindings, "customer": replace(customer, record=record, table=table)}


def _with_columns(table: Table) -> Table:
    copied = table.to_metadata(MetaData())
    copied.append_column(Column("care", String(10), server_default="low"))
    copied.append_column(Column("vip_note", String(40)))
    return copied


def add_columns(database: Database, table: str) -> None:
    """Add the later versions' columns, as their migrations would."""
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN care VARCHAR(10) DEFAULT 'low'"))
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN vip_note VARCHAR(40)"))


def upgrade_hq(world: World, version: int) -> None:
    """Have HQ go on as the release that knows customers of `version`; nothing else runs yet."""
    world.hq = replace(world.hq, bindings=at_version(world.hq.bindings, version))
    world.app = hq_app.create_app(world.hq)


def upgrade_branch(branch: BranchHere, version: int) -> None:
    """Have a branch go on as the release that sends customers of `version`."""
    bindings: Any = at_version(branch.runtime.bindings, version)
    branch.runtime = replace(branch.runtime, bindings=bindings, transport=branch.world.transport())
