from collections.abc import Callable

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.search import drop, drop_search_table_ddl, match, matching, put, search_table_ddl
from shared.db.search_terms import terms_of

NAME = "people_search"
PEOPLE = {
    "1:a": ("张伟", "13812345678", "C00017"),
    "1:b": ("单雄信", "13900005678", "C00170"),
    "2:a": ("欧阳娜娜", "13712340000", "7590-VHVEG"),
    "2:b": ("𬭛伟 O'Neil", None, "X'); DROP TABLE"),
}


@pytest.fixture
def index(make_database_url: Callable[..., str], dialect: str):
    database = Database(make_database_url(dialect))
    with database.sessions.begin() as session:
        for statement in search_table_ddl(NAME, dialect):
            session.execute(text(statement))
        put(session, NAME, [(key, terms_of(*texts)) for key, texts in PEOPLE.items()])
    yield database
    database.dispose()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("张伟", {"1:a"}),
        ("伟", {"1:a", "2:b"}),
        ("shanxx", set()),
        ("shanxiong", {"1:b"}),
        ("zw", {"1:a"}),
        ("oynn", {"2:a"}),
        ("5678", {"1:a", "1:b"}),
        ("c00", {"1:a", "1:b"}),
        ("7590-vhveg", {"2:a"}),
        ("娜娜 1371", {"2:a"}),
        ("o'neil", {"2:b"}),
        ("𬭛", {"2:b"}),
        ("' OR 1=1 --", set()),
        ("*", set()),
    ],
)
def test_the_same_words_find_the_same_records_on_both_databases(index, query, keys):
    with index.reads() as session:
        assert set(match(session, NAME, query)) == keys


def test_a_record_indexed_again_is_found_by_its_new_words_only(index):
    with index.sessions.begin() as session:
        put(session, NAME, [("1:a", terms_of("李伟"))])

    with index.reads() as session:
        assert match(session, NAME, "张伟") == []
        assert match(session, NAME, "李伟") == ["1:a"]


def test_a_forgotten_record_is_found_no_more_and_forgetting_twice_does_no_harm(index):
    for _ in range(2):
        with index.sessions.begin() as session:
            drop(session, NAME, ["1:a", "never-there"])

    with index.reads() as session:
        assert set(match(session, NAME, "伟")) == {"2:b"}


def test_what_was_not_committed_is_not_found(index):
    with index.sessions() as session:
        put(session, NAME, [("9:z", terms_of("赵六"))])
        session.rollback()

    with index.reads() as session:
        assert match(session, NAME, "赵六") == []


def test_a_search_stands_inside_another_statement_and_keeps_to_its_limit(index):
    with index.reads() as session:
        assert set(session.scalars(matching(session, NAME, "5678"))) == {"1:a", "1:b"}
        assert len(match(session, NAME, "5678", limit=1)) == 1


def test_creating_an_index_again_keeps_it_and_dropping_removes_it(index, dialect):
    with index.sessions.begin() as session:
        for statement in search_table_ddl(NAME, dialect):
            session.execute(text(statement))
        assert match(session, NAME, "张伟") == ["1:a"]
        for statement in drop_search_table_ddl(NAME, dialect):
            session.execute(text(statement))
        for statement in search_table_ddl(NAME, dialect):
            session.execute(text(statement))
        assert match(session, NAME, "张伟") == []
