"""Finding records by words on both databases.

An index is two things by one name: on SQLite a table of keys and a full-text table of their words,
on PostgreSQL one table with a `tsvector`. The words are made by `search_terms`, so neither database's
own notion of a word takes part, and both give the same hits. `search_followed` keeps one true whoever writes.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Integer, Select, String, cast, column, delete, literal_column, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from shared.db.search_terms import Query, Term, query_terms

KEY_LENGTH: Final = 80
CHUNK: Final = 500
# Words of one index are dense enough that a big pending list would be read at every search.
PENDING_LIST_KB: Final = 512
WORDS_SUFFIX: Final = "_words"

# A key and the words under which it is found.
Entry = tuple[str, Sequence[str]]


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
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}{WORDS_SUFFIX} USING fts5(words, content='',"
        " contentless_delete=1, detail=none, tokenize=\"ascii tokenchars '_'\")",
    ]


def drop_search_table_ddl(name: str, dialect: str) -> list[str]:
    """Return the statements that remove the index `name`."""
    words = [] if dialect == "postgresql" else [f"DROP TABLE IF EXISTS {name}{WORDS_SUFFIX}"]
    return [*words, f"DROP TABLE IF EXISTS {name}"]


def is_search_table(table_name: str, names: Iterable[str]) -> bool:
    """Tell whether `table_name` belongs to one of the indexes `names`; migrations leave such tables alone."""
    return any(table_name == name or table_name.startswith(f"{name}{WORDS_SUFFIX}") for name in names)


def put(session: Session, name: str, entries: Iterable[Entry]) -> int:
    """Index the entries under `name`, replacing what was known of their keys; returns how many."""
    put_chunk = _put_postgresql if dialect_of(session) == "postgresql" else _put_sqlite
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
        if dialect_of(session) == "sqlite":
            words = table(f"{name}{WORDS_SUFFIX}", column("rowid", Integer))
            session.execute(delete(words).where(words.c.rowid.in_(select(target.c.id).where(chosen))))
        session.execute(delete(target).where(chosen))


def match(session: Session, name: str, query: str, limit: int = 50) -> list[str]:
    """Return the keys of at most `limit` records that meet every word of `query`, in no special order."""
    return list(session.scalars(matching(session, name, query).limit(limit)))


def matching(session: Session, name: str, query: str) -> Select[tuple[str]]:
    """Return a select of the keys that meet every word of `query`, for use in `IN (...)` or a join."""
    return meeting(session, name, query_terms(query))


def meeting(session: Session, name: str, asked: Query) -> Select[tuple[str]]:
    """Return a select of the keys that meet what `query_terms` has made of words."""
    if dialect_of(session) == "postgresql":
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
        text(f"INSERT OR REPLACE INTO {name}{WORDS_SUFFIX} (rowid, words) VALUES (:id, :words)"),  # noqa: S608 - ours
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
    words = table(f"{name}{WORDS_SUFFIX}", column("rowid", Integer))
    if not asked:
        return select(keys.c.key).where(text("1 = 0"))
    hit = literal_column(f"{name}{WORDS_SUFFIX}").op("MATCH")(fts5_query(asked))
    return select(keys.c.key).join_from(words, keys, keys.c.id == words.c.rowid).where(hit)


def _matching_postgresql(name: str, asked: Query) -> Select[tuple[str]]:
    keys = table(name, column("key", String), column("words"))
    if not asked:
        return select(keys.c.key).where(text("1 = 0"))
    return select(keys.c.key).where(keys.c.words.op("@@")(cast(tsquery(asked), TSQUERY)))


def fts5_query(asked: Query) -> str:
    """Return what is asked as SQLite's full-text search reads it."""
    return " AND ".join("(" + " OR ".join(_fts5_term(term) for term in group) + ")" for group in asked)


def tsquery(asked: Query) -> str:
    """Return what is asked as PostgreSQL's text search reads it."""
    return " & ".join("(" + " | ".join(_tsquery_term(term) for term in group) + ")" for group in asked)


def _fts5_term(term: Term) -> str:
    return f'"{term.text}"' + ("*" if term.prefix else "")


def _tsquery_term(term: Term) -> str:
    return f"'{term.text}'" + (":*" if term.prefix else "")


def dialect_of(session: Session) -> str:
    """Return which database a session asks: "sqlite" or "postgresql"."""
    return session.get_bind().dialect.name
