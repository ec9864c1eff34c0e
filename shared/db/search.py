"""Finding records by words on both databases, and keeping the index true whoever writes.

An index is two things by one name: on SQLite a table of keys and a full-text table of their words,
on PostgreSQL one table with a `tsvector`. The words are made by `search_terms`, so neither database's
own notion of a word takes part, and both give the same hits.

A `FollowedTable` adds triggers on the table searched: every change, by whatever path, leaves the key in
`search_dirty` in its own transaction. `index_changed` takes keys from there. Until it has, a search
answers for those records from their columns and never from a stale entry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    TextClause,
    cast,
    column,
    delete,
    event,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.db.base import Base, BigCounter
from shared.db.search_terms import Query, Term, fold, query_terms, simplified
from shared.db.snapshot import known, once, reads_only

KEY_LENGTH: Final = 80
CHUNK: Final = 500
# Words of one index are dense enough that a big pending list would be read at every search.
PENDING_LIST_KB: Final = 512
_WORDS_SUFFIX: Final = "_words"

# A key and the words under which it is found.
Entry = tuple[str, Sequence[str]]


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


# --- an index ------------------------------------------------------------------------------------


def search_table_ddl(name: str, dialect: str) -> list[str]:
    """Return the statements that create the index `name`, harmless when it is there already."""
    if dialect == "postgresql":
        return [
            f"CREATE TABLE IF NOT EXISTS {name}"
            f" (key varchar({KEY_LENGTH}) PRIMARY KEY, words tsvector NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS ix_{name}_words ON {name} USING gin (words)"
            f" WITH (gin_pending_list_limit = {PENDING_LIST_KB})",
        ]
    return [
        f"CREATE TABLE IF NOT EXISTS {name}"
        f" (id INTEGER PRIMARY KEY, key VARCHAR({KEY_LENGTH}) NOT NULL UNIQUE)",
        # Words arrive folded and split: the plainest tokenizer serves, it leaves what is beyond ASCII be.
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}{_WORDS_SUFFIX} USING fts5(words, content='',"
        " contentless_delete=1, detail=none, tokenize=\"ascii tokenchars '_'\")",
    ]


def drop_search_table_ddl(name: str, dialect: str) -> list[str]:
    """Return the statements that remove the index `name`."""
    words = [] if dialect == "postgresql" else [f"DROP TABLE IF EXISTS {name}{_WORDS_SUFFIX}"]
    return [*words, f"DROP TABLE IF EXISTS {name}"]


def is_search_table(table_name: str, names: Iterable[str]) -> bool:
    """Tell whether `table_name` belongs to one of the indexes `names`; migrations leave such tables alone."""
    return any(table_name == name or table_name.startswith(f"{name}{_WORDS_SUFFIX}") for name in names)


def put(session: Session, name: str, entries: Iterable[Entry]) -> int:
    """Index the entries under `name`, replacing what was known of their keys; returns how many."""
    put_chunk = _put_postgresql if _dialect(session) == "postgresql" else _put_sqlite
    source = iter(entries)
    total = 0
    while chunk := dict(islice(source, CHUNK)):
        put_chunk(session, name, chunk)
        total += len(chunk)
    return total


def drop(session: Session, name: str, keys: Sequence[str]) -> None:
    """Forget `keys`; unknown ones do no harm."""
    target = table(name, column("id", Integer), column("key", String))
    for start in range(0, len(keys), CHUNK):
        chosen = target.c.key.in_(keys[start : start + CHUNK])
        if _dialect(session) == "sqlite":
            words = table(f"{name}{_WORDS_SUFFIX}", column("rowid", Integer))
            session.execute(delete(words).where(words.c.rowid.in_(select(target.c.id).where(chosen))))
        session.execute(delete(target).where(chosen))


def match(session: Session, name: str, query: str, limit: int = 50) -> list[str]:
    """Return the keys of at most `limit` records that meet every word of `query`, in no special order."""
    return list(session.scalars(matching(session, name, query).limit(limit)))


def matching(session: Session, name: str, query: str) -> Select[tuple[str]]:
    """Return a select of the keys that meet every word of `query`, for use in `IN (...)` or a join."""
    return _matching(session, name, query_terms(query))


def _matching(session: Session, name: str, asked: Query) -> Select[tuple[str]]:
    if _dialect(session) == "postgresql":
        return _matching_postgresql(name, asked)
    return _matching_sqlite(name, asked)


def _put_sqlite(session: Session, name: str, chunk: dict[str, Sequence[str]]) -> None:
    connection = session.connection()
    keys = [{"key": key} for key in chunk]
    connection.execute(text(f"INSERT INTO {name} (key) VALUES (:key) ON CONFLICT (key) DO NOTHING"), keys)  # noqa: S608 - names are ours
    target = table(name, column("id", Integer), column("key", String))
    ids = {
        key: at
        for at, key in connection.execute(select(target.c.id, target.c.key).where(target.c.key.in_(chunk)))
    }
    connection.execute(
        text(f"INSERT OR REPLACE INTO {name}{_WORDS_SUFFIX} (rowid, words) VALUES (:id, :words)"),  # noqa: S608 - ours
        [{"id": ids[key], "words": " ".join(words)} for key, words in chunk.items()],
    )


def _put_postgresql(session: Session, name: str, chunk: dict[str, Sequence[str]]) -> None:
    session.connection().execute(
        text(
            f"INSERT INTO {name} (key, words)"  # noqa: S608 - names are ours
            " SELECT k, array_to_tsvector(array_remove(string_to_array(w, ' '), ''))"
            " FROM unnest(CAST(:keys AS text[]), CAST(:words AS text[])) AS given (k, w)"
            " ON CONFLICT (key) DO UPDATE SET words = excluded.words"
        ),
        {"keys": list(chunk), "words": [" ".join(words) for words in chunk.values()]},
    )


def _matching_sqlite(name: str, asked: Query) -> Select[tuple[str]]:
    keys = table(name, column("id", Integer), column("key", String))
    words = table(f"{name}{_WORDS_SUFFIX}", column("rowid", Integer))
    if not asked:
        return select(keys.c.key).where(text("1 = 0"))
    hit = literal_column(f"{name}{_WORDS_SUFFIX}").op("MATCH")(_fts5_query(asked))
    return select(keys.c.key).join_from(words, keys, keys.c.id == words.c.rowid).where(hit)


def _matching_postgresql(name: str, asked: Query) -> Select[tuple[str]]:
    keys = table(name, column("key", String), column("words"))
    if not asked:
        return select(keys.c.key).where(text("1 = 0"))
    return select(keys.c.key).where(keys.c.words.op("@@")(cast(_tsquery(asked), TSQUERY)))


def _fts5_query(asked: Query) -> str:
    return " AND ".join("(" + " OR ".join(_fts5_term(term) for term in group) + ")" for group in asked)


def _tsquery(asked: Query) -> str:
    return " & ".join("(" + " | ".join(_tsquery_term(term) for term in group) + ")" for group in asked)


def _fts5_term(term: Term) -> str:
    return f'"{term.text}"' + ("*" if term.prefix else "")


def _tsquery_term(term: Term) -> str:
    return f"'{term.text}'" + (":*" if term.prefix else "")


# --- an index that follows a table -------------------------------------------------------------------


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
        found = _matching(session, self.name, terms).subquery()
        if not terms or not self._may_wait(session):
            return _ids(select(cast(found.c.key, key.type)))
        waiting = select(SearchDirty.key).where(SearchDirty.index_name == self.name)
        indexed = _ids(select(cast(found.c.key, key.type)).where(found.c.key.not_in(waiting)))
        stale = _ids(select(cast(SearchDirty.key, key.type)).where(SearchDirty.index_name == self.name))
        looked = select(key).where(key.in_(stale), *self._looks_like(query))
        return select(union_all(indexed, looked).subquery().c[0])

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
    if _dialect(session) == "postgresql":
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
        if _dialect(session) == "postgresql":
            wanted = wanted.with_for_update(read=True, of=followed.source)
        rows = session.execute(wanted).all()
        put(session, followed.name, ((row.id, words(row)) for row in rows))
        present = {row.id for row in rows}
        drop(session, followed.name, [key for key in keys if key not in present])
        done += len(keys)
    return done


def _among(session: Session, key: Column[Any], keys: Sequence[str]) -> ColumnElement[bool]:
    """Return `key IN (keys)`; PostgreSQL joins, for its kept plan of a long list reads a growing table whole."""
    if _dialect(session) == "sqlite":
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
    for name, found in zip(names, _have_any(session, names, asked), strict=True):
        known(session, found, _has_any, name, asked)


def _has_any(session: Session, name: str, asked: Query) -> bool:
    return _have_any(session, (name,), asked)[0]


def _have_any(session: Session, names: tuple[str, ...], asked: Query) -> Sequence[bool]:
    """Tell of each index whether it has a record that meets every word."""
    if _dialect(session) == "postgresql":
        found = session.execute(_any_postgresql(names), {"asked": _tsquery(asked)})
    else:
        found = session.execute(_any_sqlite(names), {"asked": _fts5_query(asked)})
    return [bool(each) for each in found.one()]


@cache
def _any_postgresql(names: tuple[str, ...]) -> TextClause:
    # Put together apart, for whose plan a single row is wanted reads the whole index for want of it.
    made = ", ".join(
        f"found_{at} AS MATERIALIZED (SELECT FROM {name} WHERE words @@ CAST(:asked AS tsquery))"
        for at, name in enumerate(names)
    )
    told = ", ".join(f"EXISTS (SELECT FROM found_{at})" for at in range(len(names)))
    return text(f"WITH {made} SELECT {told}")


@cache
def _any_sqlite(names: tuple[str, ...]) -> TextClause:
    tables = [f"{name}{_WORDS_SUFFIX}" for name in names]
    told = (f"EXISTS (SELECT 1 FROM {one} WHERE {one} MATCH :asked)" for one in tables)  # noqa: S608 - the same
    return text(f"SELECT {', '.join(told)}")


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _ids(keys: Select[Any]) -> Select[Any]:
    """Return keys cast to ids so that records are looked up by them.

    A cast may fail, so in one piece with what names a record PostgreSQL would put it off until row security had
    looked at every record there is. OFFSET keeps the pieces apart.
    """
    return select(keys.offset(0).subquery().c[0])
