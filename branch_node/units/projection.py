"""Whose a unit was when, made from its events by triggers: no way of writing an event is missed.

An event comes by a page, by an import or back from head office after a restore. `shared.domain.units.rules.ownership`
says the same in the program; a test ties the two.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

# Of two that begin on one day the later written counts; what comes back in any order gives the same.
_STANDS: Final = (
    "SELECT e.unit_id, e.happened_on, e.id,"
    " CASE e.kind WHEN 'owner' THEN e.customer_id END AS customer_id,"
    " ROW_NUMBER() OVER (PARTITION BY e.unit_id, e.happened_on ORDER BY e.id DESC) AS turn"
    " FROM unit_events e WHERE {which} AND e.kind IN ('owner', 'returned')"
    " AND NOT EXISTS (SELECT 1 FROM unit_events l WHERE l.corrects_id = e.id)"
)
_MADE: Final = (
    "s.unit_id, s.happened_on, LEAD(s.happened_on) OVER (PARTITION BY s.unit_id ORDER BY s.happened_on),"
    " s.customer_id, s.id"
)
_INTO: Final = "unit_owners (unit_id, from_on, until_on, customer_id, event_id)"
_REMAKE: Final = f"INSERT INTO {_INTO} SELECT {_MADE} FROM ({_STANDS}) s WHERE s.turn = 1"  # noqa: S608 - our own names
_OF: Final = {"insert": "NEW", "delete": "OLD"}


def install_owners(connection: Connection) -> None:
    """Have `unit_owners` follow `unit_events`, and make it anew."""
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for statement in statements():
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DELETE FROM unit_owners")
    connection.exec_driver_sql(_REMAKE.format(which="1 = 1"))


def _again(row: str) -> str:
    which = f"e.unit_id = {row}.unit_id"
    return f"DELETE FROM unit_owners WHERE unit_id = {row}.unit_id; {_REMAKE.format(which=which)}"  # noqa: S608 - our own names


def _sqlite() -> Iterator[str]:
    for event, row in _OF.items():
        yield f"DROP TRIGGER IF EXISTS unit_owners_{event}"
        yield (
            f"CREATE TRIGGER unit_owners_{event} AFTER {event.upper()} ON unit_events FOR EACH ROW BEGIN "
            f"{_again(row)}; END"
        )


def _postgresql() -> Iterator[str]:
    for event, row in _OF.items():
        # With the eyes of the node: who writes may see a part of the events, and all of them count.
        yield (
            f"CREATE OR REPLACE FUNCTION unit_owners_{event}() RETURNS trigger LANGUAGE plpgsql "
            f"SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN {_again(row)}; RETURN NULL; END $$"
        )
        yield f"DROP TRIGGER IF EXISTS unit_owners_{event} ON unit_events"
        yield (
            f"CREATE TRIGGER unit_owners_{event} AFTER {event.upper()} ON unit_events "
            f"FOR EACH ROW EXECUTE FUNCTION unit_owners_{event}()"
        )
