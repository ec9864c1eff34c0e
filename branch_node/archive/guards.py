"""Triggers that keep the retained archive as it was written, on both databases; generated after every migration.

An entry is only added. One that rests on another needs an unlocking of that other which is valid by the database's
own clock; an unlocking needs an approved act of two people, and only ever closes. The one column that may change is the
content, which a removal blanks, and never under a legal hold.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, inspect

from branch_node.archive.models import ArchiveEntry

LOCKED: Final = "the retained archive is locked"
TABLES: Final = ("archive_entries", "archive_unlocks")
KINDS: Final = "('archive-unlock', 'archive-removal')"
_NOW_SQLITE: Final = "strftime('%Y-%m-%dT%H:%M:%f', 'now')"
_FIXED: Final = tuple(column.name for column in ArchiveEntry.__table__.columns if column.name != "content")
_UNLOCK_FIXED: Final = ("id", "entry_id", "purpose", "act_id", "asked_by", "approved_by", "minutes")
_UNLOCK_TIMES: Final = ("opened_at", "until", "clock_at")


def install(connection: Connection) -> None:
    """Have the database refuse what would change the archive; installing again replaces what is there."""
    remove(connection)
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for statement in statements():
        connection.exec_driver_sql(statement)


def remove(connection: Connection) -> None:
    """Take the triggers away: a table that one names could not be remade by a migration."""
    present = set(inspect(connection).get_table_names())
    for table in TABLES:
        for what in ("insert", "update", "delete", "truncate"):
            name = f"guard_{table}_{what}"
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            elif table in present:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")


def _unlocked(clock: str, over: str, entry: str, purpose: str) -> str:
    """Return the condition that an entry is unlocked now."""
    return (
        f"EXISTS (SELECT 1 FROM archive_unlocks u WHERE u.entry_id = {entry} AND u.purpose = {purpose} "  # noqa: S608 - ours
        f"AND u.closed_at IS NULL AND {clock} < {over}"
    )


_ACT: Final = (
    "EXISTS (SELECT 1 FROM two_person_acts a WHERE a.id = NEW.act_id AND a.state = 'approved' "  # noqa: S608 - our own words
    f"AND a.kind IN {KINDS} AND a.subject_id = {{entry}} AND a.decided_by <> a.proposed_by)"
)
_HELD: Final = (
    "EXISTS (SELECT 1 FROM legal_holds h WHERE h.customer_id = OLD.customer_id AND h.released_at IS NULL)"
)
_PURPOSE: Final = "CASE NEW.kind WHEN 'removal' THEN 'removal' ELSE 'change' END"


def _sqlite() -> Iterator[str]:
    over = "strftime('%Y-%m-%dT%H:%M:%f', u.clock_at, '+' || u.minutes || ' minutes')"
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)
    kept = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in (*_UNLOCK_FIXED, *_UNLOCK_TIMES))
    may_add = _unlocked(_NOW_SQLITE, over, "NEW.of_id", _PURPOSE) + " AND u.id = NEW.unlock_id)"
    may_blank = _unlocked(_NOW_SQLITE, over, "OLD.id", "'removal'") + ")"
    # INSERT OR REPLACE removes the row it meets, and tells no trigger so on a connection that is not ours.
    met = "SELECT 1 FROM {} o WHERE o.rowid = NEW.rowid OR o.id = NEW.id OR o.{} = NEW.{}"
    new_entry = f"NOT EXISTS ({met.format('archive_entries', 'seq', 'seq')})"
    new_unlock = f"NOT EXISTS ({met.format('archive_unlocks', 'act_id', 'act_id')})"
    allowed = {
        ("archive_entries", "INSERT"): f"{new_entry} AND (NEW.kind = 'file' OR {may_add})",
        ("archive_entries", "UPDATE"): f"NEW.content IS NULL AND {same} AND {may_blank} AND NOT {_HELD}",
        ("archive_entries", "DELETE"): "0",
        ("archive_unlocks", "INSERT"): (
            f"{new_unlock} AND NEW.closed_at IS NULL AND NEW.minutes BETWEEN 1 AND 240 "
            f"AND strftime('%Y-%m-%dT%H:%M:%f', NEW.clock_at) <= {_NOW_SQLITE} "
            f"AND {_ACT.format(entry='NEW.entry_id')}"
        ),
        ("archive_unlocks", "UPDATE"): f"OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND {kept}",
        ("archive_unlocks", "DELETE"): "0",
    }
    for (table, what), condition in allowed.items():
        yield (
            f"CREATE TRIGGER guard_{table}_{what.lower()} BEFORE {what} ON {table} "
            f"WHEN ({condition}) IS NOT 1 BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END"
        )


def _postgresql() -> Iterator[str]:
    over = "u.clock_at + make_interval(mins => u.minutes)"
    may_add = _unlocked("clock_timestamp()", over, "NEW.of_id", _PURPOSE) + " AND u.id = NEW.unlock_id)"
    may_blank = _unlocked("clock_timestamp()", over, "OLD.id", "'removal'") + ")"
    entries = (
        f"(TG_OP = 'INSERT' AND (NEW.kind = 'file' OR {may_add})) OR (TG_OP = 'UPDATE' AND NEW.content IS NULL "
        f"AND to_jsonb(NEW) - 'content' = to_jsonb(OLD) - 'content' AND {may_blank} AND NOT {_HELD})"
    )
    closing = "ARRAY['closed_at', 'closed_by']"
    unlocks = (
        "(TG_OP = 'INSERT' AND NEW.closed_at IS NULL AND NEW.minutes BETWEEN 1 AND 240 "
        f"AND NEW.clock_at <= clock_timestamp() AND {_ACT.format(entry='NEW.entry_id::text')}) "
        "OR (TG_OP = 'UPDATE' AND OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL "
        f"AND to_jsonb(NEW) - {closing} = to_jsonb(OLD) - {closing})"
    )
    for table, condition in (("archive_entries", entries), ("archive_unlocks", unlocks)):
        yield (
            f"CREATE OR REPLACE FUNCTION guard_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP IN ('DELETE', 'TRUNCATE') THEN RAISE EXCEPTION '{LOCKED}' "
            "USING ERRCODE = 'restrict_violation'; END IF; "
            f"IF ({condition}) IS NOT TRUE THEN RAISE EXCEPTION '{LOCKED}' "
            "USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
        )
        for what in ("INSERT", "UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER guard_{table}_{what.lower()} BEFORE {what} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION guard_{table}()"
            )
        yield (
            f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION guard_{table}()"
        )
