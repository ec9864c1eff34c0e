from sqlalchemy import create_engine, make_url, text

from shared.db.engine import Database


def run_sql(url, statement):
    database = Database(url)
    with database.sessions.begin() as session:
        result = session.connection().execute(text(statement))
        rows = result.all() if result.returns_rows else []
    database.dispose()
    return rows


def test_each_test_gets_a_database_of_its_own_that_is_empty(make_database_url, dialect):
    first, second = make_database_url(dialect), make_database_url(dialect)

    run_sql(first, "CREATE TABLE notes (id INTEGER)")

    run_sql(second, "CREATE TABLE notes (id INTEGER)")  # fails if the first one's table is here
    assert make_url(first).get_backend_name() == dialect


def test_a_copy_of_a_template_holds_what_the_template_holds(database_factory, make_database_url, dialect):
    built = []

    def build(url):
        run_sql(url, "CREATE TABLE notes (id INTEGER)")
        run_sql(url, "INSERT INTO notes VALUES (7)")
        built.append(url)

    template = database_factory.template(dialect, "notes", build)
    copies = [make_database_url(dialect, template=template) for _ in range(2)]
    run_sql(copies[0], "DELETE FROM notes")

    assert database_factory.template(dialect, "notes", build) == template
    assert run_sql(copies[1], "SELECT id FROM notes") == [(7,)]
    assert len(built) <= 1  # another process of the run may have built it


def test_a_dropped_database_is_gone_even_while_somebody_is_connected(database_factory, dialect):
    url = database_factory.create(dialect)
    engine = Database(url).engine
    connection = engine.connect()
    connection.execute(text("SELECT 1"))

    database_factory.drop(url)

    connection.invalidate()
    connection.close()
    engine.dispose()
    if dialect == "postgresql":
        server = create_engine(make_url(url).set(database="postgres"))
        with server.connect() as admin:
            names = admin.scalars(text("SELECT datname FROM pg_database")).all()
        server.dispose()
        assert make_url(url).database not in names
