"""Both apps' revisions, and what the tool promises of any revision."""

from pathlib import Path

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.migrations import MigratedApp, MigrationError, downgrade, pending, upgrade
from shared.db.migrations.app import APPS, load_app, unlisted_shared_modules
from shared.db.migrations.compare import check_revisions, table_names

HEADER = '''"""A step."""
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {after!r}
'''
FIRST = """
def upgrade():
    op.create_table(
        "counted",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("word", sa.String(10), nullable=False),
        sqlite_autoincrement=True,
    )
    to = sa.ForeignKey("counted.id", ondelete="CASCADE")
    op.create_table("pointing", sa.Column("to", sa.Integer(), to))

def downgrade():
    op.drop_table("pointing")
    op.drop_table("counted")
"""
REBUILD = """
def upgrade():
    with op.batch_alter_table("counted") as batch:
        batch.alter_column("word", type_=sa.String(20))

def downgrade():
    pass
"""
BREAKS = """
def upgrade():
    op.execute("UPDATE counted SET word = 'gone'")
    op.execute("INSERT INTO nowhere VALUES (1)")

def downgrade():
    pass
"""

POINTS_NOWHERE = """
def upgrade():
    op.execute('INSERT INTO pointing ("to") VALUES (99)')

def downgrade():
    pass
"""


@pytest.fixture
def opened(database_url):
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def second(make_database_url, dialect):
    database = Database(make_database_url(dialect))
    yield database
    database.dispose()


@pytest.fixture
def made_up_app(tmp_path, monkeypatch):
    """An app of two revisions and no models, with a trigger made after each upgrade."""
    folder = tmp_path / "made_up_app" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, body, after):
        (folder / f"{name}.py").write_text(HEADER.format(name=name, after=after) + body)

    write("first", FIRST, None)
    return MigratedApp("made-up", "made_up_app", ()), write


@pytest.mark.parametrize("name", APPS)
def test_a_migrated_database_has_the_tables_of_the_models_and_can_go_back(name, opened, second):
    assert check_revisions(load_app(name), opened, second) == []


def test_no_module_of_models_is_forgotten():
    apps = [load_app(name) for name in APPS]
    assert [app.forgotten_modules() for app in apps] == [[], []]
    assert unlisted_shared_modules(apps) == []


@pytest.mark.parametrize("name", APPS)
def test_upgrading_twice_runs_each_revision_once(name, opened):
    app = load_app(name)
    waiting = pending(opened, app)

    assert upgrade(opened, app) == waiting != []
    assert pending(opened, app) == []
    assert upgrade(opened, app) == []


def test_a_forgotten_revision_is_noticed(opened, second):
    hq = load_app("hq")
    without_jobs = MigratedApp("hq", "hq_server", tuple(set(hq.modules) - {"shared.jobs.models"}))

    found = check_revisions(without_jobs, opened, second)

    assert "job_runs: made by a revision, but no model" in found


def test_a_rebuilt_table_never_gives_a_number_twice_and_keeps_what_refers_to_it(opened, made_up_app):
    app, write = made_up_app
    upgrade(opened, app)
    with opened.sessions.begin() as session:
        session.execute(text("INSERT INTO counted (word) VALUES ('a'), ('b'), ('c')"))
        session.execute(text('INSERT INTO pointing ("to") VALUES (1)'))
        session.execute(text("DELETE FROM counted WHERE id = 3"))
    write("second", REBUILD, "first")

    upgrade(opened, app)

    with opened.sessions.begin() as session:
        session.execute(text("INSERT INTO counted (word) VALUES ('d')"))
        rows = session.execute(text("SELECT id, word FROM counted ORDER BY id")).all()
        assert session.execute(text('SELECT "to" FROM pointing')).scalars().all() == [1]
    assert rows == [(1, "a"), (2, "b"), (4, "d")]


def test_a_revision_that_fails_leaves_the_database_as_it_was(opened, made_up_app):
    app, write = made_up_app
    upgrade(opened, app)
    with opened.sessions.begin() as session:
        session.execute(text("INSERT INTO counted (word) VALUES ('kept')"))
    write("second", BREAKS, "first")

    with pytest.raises(Exception, match="nowhere"):
        upgrade(opened, app)

    with opened.reads() as session:
        assert session.execute(text("SELECT word FROM counted")).scalars().all() == ["kept"]
    assert pending(opened, app) == ["second"]


def test_on_sqlite_a_revision_that_breaks_a_reference_is_refused(make_database_url, made_up_app):
    opened = Database(make_database_url("sqlite"))
    app, write = made_up_app
    upgrade(opened, app)
    write("second", POINTS_NOWHERE, "first")

    with pytest.raises(MigrationError):
        upgrade(opened, app)

    assert pending(opened, app) == ["second"]
    with opened.sessions.begin() as session, pytest.raises(Exception, match="FOREIGN KEY"):
        session.execute(text('INSERT INTO pointing ("to") VALUES (99)'))
    opened.dispose()


def test_what_is_generated_is_made_anew_at_every_upgrade(make_database_url, made_up_app):
    opened = Database(make_database_url("sqlite"))
    app, write = made_up_app
    trigger = "CREATE TRIGGER told AFTER INSERT ON pointing BEGIN UPDATE counted SET word = 'told'; END"
    generating = MigratedApp(
        app.name, app.package, app.modules, lambda connection: connection.exec_driver_sql(trigger)
    )

    upgrade(opened, generating)
    write("second", REBUILD, "first")
    upgrade(opened, generating)

    with opened.sessions.begin() as session:
        session.execute(text("INSERT INTO counted (word) VALUES ('a')"))
        session.execute(text('INSERT INTO pointing ("to") VALUES (1)'))
        assert session.execute(text("SELECT word FROM counted")).scalar() == "told"
    downgrade(opened, app)
    assert table_names(opened) == set()
    opened.dispose()


def test_revisions_sort_by_their_date():
    for name in APPS:
        revisions = [path.name for path in Path(load_app(name).folder).glob("[0-9]*.py")]
        assert revisions
        assert all(
            part.isdigit() and len(part) in {8, 4} for file in revisions for part in file.split("_")[:2]
        )
