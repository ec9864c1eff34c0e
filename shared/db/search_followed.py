"""An index of words that follows a table: kept true whoever writes, and asked together with others.

Triggers on the table searched leave the key of every change, by whatever path, in `search_dirty` in its own
transaction. `index_changed` takes keys from there. Until it has, a search answers for those records from their
columns and never from a stale entry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Select,
    String,
    Table,
    TextClause,
    any_,
    cast,
    delete,
    event,
    func,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.db.base import Base, BigCounter
from shared.db.search import (
    CHUNK,
    KEY_LENGTH,
    WORDS_SUFFIX,
    dialect_of,
    drop,
    fts5_query,
    meeting,
    put,
    search_table_ddl,
    tsquery,
)
from shared.db.search_terms import Query, fold, query_terms, simplified
from shared.db.snapshot import heard, known, once, reads_only

# So many keys are worth asking for by name: the database finds each by its key, whatever it thinks of a search.
FEW: Final = 100
_WAITS: Final = "EXISTS (SELECT 1 FROM search_dirty)"


class SearchDirty(Base):
    """A record whose index entry is out of date; written by triggers, taken by `index_changed`."""

    __tablename__ = "search_dirty"
    __table_args__ = (
        Index("ix_search_dirty_index_name_key", "index_name", "key"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    index_name: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))


@dataclass(frozen=True)
class FollowedTable:
    """An index that follows one table whose primary key is `id`.

    `columns` are those whose change makes an entry stale; `looked_at` those a search reads
    itself while a record waits to be indexed.
    """

    name: str
    source: Table
    columns: Sequence[str]
    looked_at: Sequence[str]

    def ddl(self, dialect: str) -> list[str]:
        """Return the statements that create the index and its triggers anew; they leave its entries alone."""
        triggers = self._triggers_postgresql() if dialect == "postgresql" else self._triggers_sqlite()
        return [*search_table_ddl(self.name, dialect), *triggers]

    def install(self, connection: Connection) -> None:
        """Create the index and its triggers, and mark every record not yet in it as waiting."""
        for statement in self.ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(
            text(
                f"INSERT INTO search_dirty (index_name, key) SELECT '{self.name}', CAST(s.id AS varchar(36))"  # noqa: S608 - names are ours
                f" FROM {self.source.name} s WHERE NOT EXISTS"
                f" (SELECT 1 FROM {self.name} i WHERE i.key = CAST(s.id AS varchar(36)))"
            )
        )

    def create_with_source(self) -> None:
        """Create the index whenever the metadata creates the table (tests do; migrations call `install`)."""
        event.listen(self.source, "after_create", lambda _table, connection, **_: self.install(connection))

    def matching(self, session: Session, query: str, *, asked: Query | None = None) -> Select[tuple[str]]:
        """Return a select of the `id`s that meet every word of `query`, waiting records included.

        With `asked` the index is asked for these words instead; records that wait are still found by `query`.
        """
        key = self.source.c.id
        terms = query_terms(query) if asked is None else asked
        found = meeting(session, self.name, terms).subquery()
        if not terms or not self._may_wait(session):
            return _ids(select(cast(found.c.key, key.type)))
        waiting = select(SearchDirty.key).where(SearchDirty.index_name == self.name)
        indexed = _ids(select(cast(found.c.key, key.type)).where(found.c.key.not_in(waiting)))
        stale = _ids(select(cast(SearchDirty.key, key.type)).where(SearchDirty.index_name == self.name))
        looked = select(key).where(key.in_(stale), *self._looks_like(query))
        return select(union_all(indexed, looked).subquery().c[0])

    def met_by(self, session: Session, query: str, key: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped column
        """Return the condition that the record whose id is `key` meets every word of `query`.

        A few that were found out ahead are named: to look at each by its id is then the only plan there is, where
        row security makes PostgreSQL expect that reading the whole table is cheaper.
        """
        few = self.few(session, query)
        named = None if few is None else key == any_(cast(few, ARRAY(key.type)))
        met: ColumnElement[bool] = key.in_(self.matching(session, query)) if named is None else named
        return met

    def few(self, session: Session, query: str) -> Sequence[str] | None:
        """Return the ids of all that meet every word where they were found out ahead; None where they are not few."""
        if self._may_wait(session):
            return None
        return heard(session, _few_keys, self.name, query_terms(query))

    def may_find(self, session: Session, query: str) -> bool:
        """Tell whether the index has any record at all that meets every word of `query`, whoever may see it.

        Most words are found among one kind of records or two, and this is a tenth of asking the others in full.
        """
        asked = query_terms(query)
        return bool(asked) and (self._may_wait(session) or once(session, _has_any, self.name, asked))

    def _may_wait(self, session: Session) -> bool:
        """Tell whether a record may wait to be indexed; asked once of a snapshot, and always so while one writes.

        Nearly always none of any index waits, and a search that need not look for any is a fifth of the statement.
        """
        if not reads_only(session):
            return True
        return once(session, _anything_waits) and once(session, _waits, self.name)

    def _looks_like(self, query: str) -> Iterable[Any]:
        for word in fold(query).split():
            yield or_(
                *(
                    func.lower(self.source.c[name]).contains(form, autoescape=True)
                    for name in self.looked_at
                    for form in dict.fromkeys((word, simplified(word)))
                )
            )

    def _triggers_sqlite(self) -> list[str]:
        changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("id", *self.columns))
        parts = {
            "INSERT": ("", ("NEW",)),
            "UPDATE": (f"WHEN {changed}", ("OLD", "NEW")),
            "DELETE": ("", ("OLD",)),
        }
        statements = []
        for verb, (when, rows) in parts.items():
            trigger = f"{self.name}_{verb.lower()}"
            marks = " ".join(self._mark(f"VALUES ('{self.name}', {row}.id);") for row in rows)
            statements += [
                f"DROP TRIGGER IF EXISTS {trigger}",
                f"CREATE TRIGGER {trigger} AFTER {verb} ON {self.source.name} FOR EACH ROW {when}"
                f" BEGIN {marks} END",
            ]
        return statements

    def _triggers_postgresql(self) -> list[str]:
        changed = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in self.columns)
        # A statement's rows are marked at once: one trigger call for an import's chunk, not one a row.
        parts = {
            "INSERT": ("NEW TABLE AS n", "n"),
            "UPDATE": (
                "OLD TABLE AS o NEW TABLE AS n",
                f"n FULL JOIN o ON o.id = n.id WHERE o.id IS NULL OR n.id IS NULL OR {changed}",
            ),
            "DELETE": ("OLD TABLE AS o", "o"),
        }
        statements = []
        for verb, (tables, rows) in parts.items():
            trigger = f"{self.name}_{verb.lower()}"
            key = {"INSERT": "n.id", "UPDATE": "coalesce(n.id, o.id)", "DELETE": "o.id"}[verb]
            mark = self._mark(f"SELECT '{self.name}', {key}::text FROM {rows};")  # noqa: S608 - names are ours
            statements += [
                f"CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql"
                f" AS $$ BEGIN {mark} RETURN NULL; END $$",
                f"DROP TRIGGER IF EXISTS {trigger} ON {self.source.name}",
                f"CREATE TRIGGER {trigger} AFTER {verb} ON {self.source.name} REFERENCING {tables}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {trigger}()",
            ]
        return statements

    @staticmethod
    def _mark(rows: str) -> str:
        return f"INSERT INTO search_dirty (index_name, key) {rows}"


def take_waiting(session: Session, followed: FollowedTable, limit: int) -> list[str]:
    """Take at most `limit` waiting marks in this transaction and return their keys without doubles."""
    chosen = (
        select(SearchDirty.id)
        .where(SearchDirty.index_name == followed.name)
        .order_by(SearchDirty.id)
        .limit(limit)
    )
    if dialect_of(session) == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True)
    taken = session.scalars(
        delete(SearchDirty).where(SearchDirty.id.in_(chosen)).returning(SearchDirty.key),
        execution_options={"synchronize_session": False},
    )
    return list(dict.fromkeys(taken))


def index_changed(
    session: Session,
    followed: FollowedTable,
    words: Callable[[Any], Sequence[str]],
    *,
    limit: int | None = None,
) -> int:
    """Index what waits, in this transaction; returns how many records were indexed or forgotten.

    `words` turns a row of the followed columns into its words. On PostgreSQL the rows are read under a share
    lock, so a change not yet committed is waited for and can never be overwritten with older words.
    """
    done = 0
    while limit is None or done < limit:
        keys = take_waiting(session, followed, CHUNK * 2)
        if not keys:
            return done
        columns = [followed.source.c[name] for name in ("id", *followed.columns)]
        wanted = select(*columns).where(_among(session, followed.source.c.id, keys))
        if dialect_of(session) == "postgresql":
            wanted = wanted.with_for_update(read=True, of=followed.source)
        rows = session.execute(wanted).all()
        put(session, followed.name, ((row.id, words(row)) for row in rows))
        present = {row.id for row in rows}
        drop(session, followed.name, [key for key in keys if key not in present])
        done += len(keys)
    return done


def _among(session: Session, key: Column[Any], keys: Sequence[str]) -> ColumnElement[bool]:
    """Return `key IN (keys)`; PostgreSQL joins, for its kept plan of a long list reads a growing table whole."""
    if dialect_of(session) == "sqlite":
        return key.in_(keys)
    given = func.unnest(cast(list(keys), ARRAY(String))).column_valued("given")
    return key.in_(select(cast(given, key.type)))


def _anything_waits(session: Session) -> bool:
    return session.scalar(select(SearchDirty.id).limit(1)) is not None


def _waits(session: Session, name: str) -> bool:
    return session.scalar(select(SearchDirty.id).where(SearchDirty.index_name == name).limit(1)) is not None


def look_ahead(session: Session, query: str, indexes: Sequence[FollowedTable]) -> None:
    """Find out by one statement what each of several indexes will be asked by `may_find`."""
    asked, names = query_terms(query), tuple(index.name for index in indexes)
    if not asked or not names or not reads_only(session):
        return
    waits, *some = _look(session, names, asked)
    known(session, bool(waits), _anything_waits)
    for name, found in zip(names, some, strict=True):
        known(session, bool(found), _has_any, name, asked)
        if isinstance(found, list) and len(found) <= FEW:
            known(session, found, _few_keys, name, asked)


def _has_any(session: Session, name: str, asked: Query) -> bool:
    return bool(_look(session, (name,), asked)[1])


def _few_keys(session: Session, name: str, asked: Query) -> Sequence[str]:
    """Return the keys of an index that meet every word; `look_ahead` has found them out where they are few."""
    found: Sequence[str] = _look(session, (name,), asked)[1]
    return found


def _look(session: Session, names: tuple[str, ...], asked: Query) -> Sequence[Any]:
    """Tell whether a record waits, and of each index whether any meets every word; on PostgreSQL by keys of a few."""
    if dialect_of(session) == "postgresql":
        return session.execute(_some_postgresql(names), {"asked": tsquery(asked)}).one()
    return session.execute(_any_sqlite(names), {"asked": fts5_query(asked)}).one()


@cache
def _some_postgresql(names: tuple[str, ...]) -> TextClause:
    # Put together apart: a plan that needs no more than a few of the rows reads the whole index for want of them.
    made = ", ".join(
        f"found_{at} AS MATERIALIZED (SELECT key FROM {name} WHERE words @@ CAST(:asked AS tsquery))"  # noqa: S608 - ours
        for at, name in enumerate(names)
    )
    told = (f"ARRAY(SELECT key FROM found_{at} LIMIT {FEW + 1})" for at in range(len(names)))  # noqa: S608 - ours
    return text(f"WITH {made} SELECT {_WAITS}, {', '.join(told)}")


@cache
def _any_sqlite(names: tuple[str, ...]) -> TextClause:
    tables = [f"{name}{WORDS_SUFFIX}" for name in names]
    told = (f"EXISTS (SELECT 1 FROM {one} WHERE {one} MATCH :asked)" for one in tables)  # noqa: S608 - the same
    return text(f"SELECT {_WAITS}, {', '.join(told)}")


def _ids(keys: Select[Any]) -> Select[Any]:
    """Return keys cast to ids so that records are looked up by them.

    A cast may fail, so in one piece with what names a record PostgreSQL would put it off until row security had
    looked at every record there is. OFFSET keeps the pieces apart.
    """
    return select(keys.offset(0).subquery().c[0])
