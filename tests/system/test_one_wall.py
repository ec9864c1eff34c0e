"""Each of the two walls between people and rows holds alone, over every address of both apps that is read."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from branch_node.ranges import RANGES as BRANCH_RANGES
from hq_server.ranges import RANGES as HQ_RANGES
from shared.rights.ranges import Sight
from shared.rights.rowsecurity import has_row_security, install_row_security, remove_row_security
from tests.support.databases import DatabaseFactory
from tests.support.everyone import Place, everyone_at
from tests.system.test_rights_matrix import reading, secrets_told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SEED = 12
# Addresses asked by each person unless all are, and exports among them.
SHARE, EXPORTS = 10, 3


@pytest.fixture(scope="module", params=["branch", "hq"])
def place(
    request: pytest.FixtureRequest,
    database_factory: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("one-wall")
    with everyone_at(request.param, "postgresql", database_factory, folder) as made:
        yield made


@pytest.fixture
def first_wall_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement of ours is narrowed, neither by itself nor by hand; what is left is the database's."""
    monkeypatch.setattr(Sight, "criteria", ())
    monkeypatch.setattr(Sight, "tables", frozenset())
    monkeypatch.setattr(Sight, "rows_of", lambda _sight, _table: [])


@pytest.fixture
def second_wall_down(place: Place) -> Iterator[None]:
    """The database shows every row to whoever asks; what is left is ours. Afterwards the wall stands again."""
    with place.database.engine.begin() as connection:
        walled = connection.exec_driver_sql(
            "SELECT quote_ident(relname) FROM pg_class WHERE relrowsecurity"
        ).scalars()
        for table in walled.all():
            connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
        remove_row_security(connection)
    with place.database.engine.connect() as connection:
        assert not has_row_security(connection)
    place.database.engine.dispose()  # a pool is asked once whether its database has the wall
    yield
    ranges = {"branch": BRANCH_RANGES, "hq": HQ_RANGES}[place.tier]
    with place.database.engine.begin() as connection:
        assert install_row_security(connection, ranges, append_only=("audit_entries",))
    place.database.engine.dispose()


def test_without_our_own_narrowing_the_database_keeps_what_is_foreign(
    place: Place, first_wall_down: None, pytestconfig: pytest.Config
):
    assert_nothing_is_told(place, whole=pytestconfig.getoption("--whole"))


def test_without_row_level_security_our_own_narrowing_keeps_what_is_foreign(
    place: Place, second_wall_down: None, pytestconfig: pytest.Config
):
    assert_nothing_is_told(place, whole=pytestconfig.getoption("--whole"))


def assert_nothing_is_told(place: Place, *, whole: bool) -> None:
    """Fail when anybody reads of rows that they may not see, or when nobody reads of them who may."""
    chance, told, found = random.Random(SEED), [], 0
    addresses = reading(place)
    # What is exported is said at once, with a reason: the file is read as any answer is.
    exports = [path for path in addresses if "export" in path]
    for somebody in place.everybody.values():
        tried = chance.sample(addresses, SHARE) + chance.sample(exports, EXPORTS)
        for path in addresses if whole else tried:
            said = secrets_told(somebody, path)
            found += len(said)
            told += [f"{somebody.name} {path}: {secret}" for secret in said - set(somebody.sees)]
    assert not told, "\n".join(told)
    assert found
