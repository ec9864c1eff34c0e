"""What alembic runs; the connection and the app come from shared.db.migrations.running."""

from alembic import context

from shared.db.migrations.running import configure

configure(context)
with context.begin_transaction():
    context.run_migrations()
