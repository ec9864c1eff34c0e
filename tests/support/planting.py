"""Scripts that somebody stored: a corpus of them, and databases that hold it in every column of text."""

import itertools
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    Enum,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from shared.audit.models import JsonText
from shared.db.base import Base, Id, Instant
from shared.db.engine import Database
from shared.db.personal import PersonalText
from shared.ids import new_id
from tests.support.branch import NOON

# What a script that runs calls, and what a template that is carried out says.
CALL: Final = "__x"
CARRIED_OUT: Final = str(77_713 * 7)
ELSEWHERE: Final = "zqx.invalid"
SVG: Final = "<svg onload=__x()>"
SCRIPTS: Final = (
    "<script>__x()</script>",
    "<ScRiPt >__x()</sCrIpT >",
    SVG,
    "<svg/onload=__x()//",
    "<img src=x onerror=__x()>",
    "<details open ontoggle=__x()>",
    "<input autofocus onfocus=__x()>",
    "<a href=javascript:__x()>zqx</a>",
    "<zqx hx-get=/ hx-trigger=load>",
    "<zqx hx-on:click=__x()>zqx",
    "<iframe src=javascript:parent.__x()>",
    '<iframe srcdoc="<script>parent.__x()</script>">',
    "<object data=javascript:__x()>",
    "<math><mtext><zqx><svg onload=__x()>",
    f"<base href=//{ELSEWHERE}>",
    f"<form action=//{ELSEWHERE}><button>",
    f"<link rel=stylesheet href=//{ELSEWHERE}>",
    f"<style>@import'//{ELSEWHERE}'</style>",
    "<style>*{display:none}</style>",
    "<p style=display:none>zqx",
    "<meta http-equiv=refresh content=0;url=javascript:__x()>",
    f'">{SVG}',
    f"'>{SVG}",
    '" autofocus onfocus=__x() x="',
    "' autofocus onfocus=__x() x='",
    '" onmouseover="__x()',
    f"</script>{SVG}",
    f"</title>{SVG}",
    f"</textarea>{SVG}",
    f"</option></select>{SVG}",
    f"</template>{SVG}",
    f"-->{SVG}",
    f"]]>{SVG}",
    "javascript:__x()",
    " java\tscript:__x()",
    "data:text/html,<script>__x()</script>",
    '";__x();//',
    "';__x();//",
    "`;__x();//",
    "${__x()}",
    '"}];__x();//',
    f"&#34;&#62;{SVG}",
    "&lt;svg onload=__x()&gt;",
    "%3Csvg onload=__x()%3E",
    "\\u003csvg onload=__x()\\u003e",
    "\\x3csvg onload=__x()\\x3e",
    "\uff1csvg onload=__x()\uff1e",
    f"\ufeff\u202e{SVG}",
    f"\u2028{SVG}",
    "{{77713*7}}",
    "{%print(77713*7)%}",
    "{{''.__class__}}{{77713*7}}",
)
# Columns that no page shows, or that take no text of anybody's: digests, what rights go by, and what the database
# itself refuses. All others are found from the models and planted, those that the program reads as well: nonsense is
# shown as such, and no page fails.
OURS: Final[Mapping[str, frozenset[str]]] = {
    "*": frozenset({"digest", "mac", "sha256", "password_hash", "code_hash", "wrapped", "heading_key"}),
    "feed_items": frozenset({"name"}),
    "archive_unlocks": frozenset({"approved_by", "asked_by", "closed_by", "reason"}),
    "users": frozenset({"branches", "duties", "manager_id"}),
    "import_rows": frozenset({"action"}),
}
BRANCH: Final = "branch_number"
# Nobody writes about a customer once they stand here: another one than all other tables are about.
CLOSING: Final = "customer_identities"
# Rows of a table refused one after the other: no further one will be taken.
ENOUGH: Final = 4
_JSON: Final = (JSON, JsonText)
LEAST: Final = min(map(len, SCRIPTS))


def text_columns(table: Table) -> list[Column[Any]]:
    """Return the columns of a table that take text of somebody's choice."""
    return [column for column in table.columns if _takes_text(column)]


def _takes_text(column: Column[Any]) -> bool:
    kind, kept = column.type, OURS.get(column.table.name, frozenset()) | OURS.get("*", frozenset())
    if column.name in kept or column.foreign_keys or isinstance(kind, Enum):
        return False
    return isinstance(kind, _JSON) or (isinstance(kind, (String, PersonalText)) and _width(column) >= LEAST)


def _width(column: Column[Any]) -> int:
    return getattr(column.type, "length", None) or 2_000


def fitting(column: Column[Any], turn: int) -> str:
    """Return the script of a turn among those for which a column has room."""
    known = [one for one in SCRIPTS if len(one) <= _width(column)]
    return known[turn % len(known)] if known else ""


class Planter:
    """Fills every table of a database with rows that hold scripts; `reached` are the columns that do now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = itertools.count()
        self.reached: set[str] = set()

    def plant(self, only: Collection[Table] = ()) -> None:
        """Add a row for every script to each table, and write scripts over the rows there are where none can be."""
        tables = [table for table in self.tables() if self._lacks(table) and (table in only or not only)]
        with self._database.engine.begin() as connection:
            for table in tables:
                base = _example(connection, table)
                self._add(connection, table, base)
                refused = 0
                for turn in range(len(SCRIPTS)):
                    added = self._add(connection, table, {**base, **_own_keys(table, turn)})
                    refused = 0 if added else refused + 1
                    if refused == ENOUGH:
                        break
                for column in text_columns(table):
                    self._write_over(connection, column)

    def tables(self) -> list[Table]:
        """Return the tables of the models that this database has, the ones others point to first."""
        there = set(inspect(self._database.engine).get_table_names())
        return [table for table in Base.metadata.sorted_tables if table.name in there]

    def missed(self) -> list[str]:
        """Return the columns of text that hold no script."""
        return sorted(
            {str(column) for table in self.tables() for column in text_columns(table)} - self.reached
        )

    def _lacks(self, table: Table) -> bool:
        return any(str(column) not in self.reached for column in text_columns(table))

    def _add(self, connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
        at = next(self._turns)
        planted = {
            column.name: script_for(column, row.get(column.name), at + place)
            for place, column in enumerate(text_columns(table))
        }
        filled = {name: value for name, value in _filled(connection, table).items() if row.get(name) is None}
        # Columns that go together are both filled, or both left as they were.
        plain = {name: value for name, value in planted.items() if row.get(name) is not None}
        for values in ({**row, **planted}, {**row, **filled, **planted}, {**row, **plain}):
            if _wrote(connection, insert(table).values(values)):
                kept = (name for name in planted if values[name] == planted[name])
                self.reached |= {str(table.c[name]) for name in kept}
                return True
        return False

    def _write_over(self, connection: Connection, column: Column[Any]) -> None:
        if str(column) not in self.reached:
            value = script_for(column, None, next(self._turns))
            if _wrote(connection, update(column.table).values({column: value})):
                self.reached.add(str(column))


def _wrote(connection: Connection, statement: Any) -> bool:
    """Tell whether a statement wrote a row: one that a constraint refuses does not."""
    try:
        with connection.begin_nested():
            # PostgreSQL does not count what an INSERT gives back (-1).
            return connection.execute(statement).rowcount != 0
    except DBAPIError:
        return False


def script_for(column: Column[Any], like: Any, turn: int) -> Any:
    """Return what a column shall hold: a script, or scripts in the place of every text of a JSON value."""
    if isinstance(column.type, _JSON):
        return _within(like, turn)
    return fitting(column, turn)


def _within(like: Any, turn: int) -> Any:
    script = SCRIPTS[turn % len(SCRIPTS)]
    if isinstance(like, list) and like:
        return [_within(one, turn) for one in like]
    if isinstance(like, dict) and like:
        return {name: _within(one, turn) for name, one in like.items()}
    return [script] if isinstance(like, list) else {script: script} if isinstance(like, dict) else script


def _example(connection: Connection, table: Table) -> dict[str, Any]:
    """Return the first row of a table, or one made of values that its columns take."""
    found = connection.execute(select(table).order_by(*table.primary_key).limit(1)).mappings().first()
    return dict(found) if found else {one.name: _made_up(connection, one) for one in table.columns}


def _filled(connection: Connection, table: Table) -> dict[str, Any]:
    return {one.name: _made_up(connection, one, whole=True) for one in table.columns if not one.foreign_keys}


def _made_up(connection: Connection, column: Column[Any], *, whole: bool = False) -> Any:
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column
        # Two columns that point to one table are of two rows: of a pair, say.
        same = [one for one in column.table.columns if any(key.column is target for key in one.foreign_keys)]
        order = target.desc() if column.table.name == CLOSING else target
        found = (
            connection.execute(select(target).order_by(order).limit(same.index(column) + 1)).scalars().all()
        )
        return found[-1] if found else None
    if isinstance(column.default, ScalarElementColumnDefault):
        return column.default.arg
    if column.nullable and not whole and not _takes_text(column):
        return None
    kind = column.type
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class)) if kind.enum_class else kind.enums[0]
    for known, value in _VALUES:
        if isinstance(kind, known):
            return value() if callable(value) else value
    return "x" * min(_width(column), LEAST)


_VALUES: Final[tuple[tuple[type[Any], Any], ...]] = (
    (Id, new_id),
    (Instant, NOON),
    (JSON, dict),
    (JsonText, dict),
    (Boolean, False),
    (Integer, 1),
    (Date, date(2026, 3, 1)),
    (LargeBinary, b"x"),
)


def _own_keys(table: Table, turn: int) -> dict[str, Any]:
    """Return another value for each column that must differ from row to row and points nowhere."""
    found: dict[str, Any] = {}
    for column in _keys(table):
        if column.foreign_keys or column.name == BRANCH:
            continue
        if isinstance(column.type, Id):
            found[column.name] = new_id()
        elif isinstance(column.type, Integer):
            found[column.name] = 10_000 + turn
    return found


def _keys(table: Table) -> set[Column[Any]]:
    unique = {column for index in table.indexes if index.unique for column in index.columns}
    unique |= {column for each in table.constraints if hasattr(each, "columns") for column in each.columns}
    return unique | set(table.primary_key)
