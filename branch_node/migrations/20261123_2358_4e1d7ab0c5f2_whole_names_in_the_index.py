"""Customers are indexed again: a whole name is a word of its own, so that a name is looked up and not sought."""

import sqlalchemy as sa
from alembic import op

revision = "4e1d7ab0c5f2"
down_revision = "b95e0c7ad318"
branch_labels = None
depends_on = None


def upgrade() -> None:
    dirty = sa.table("search_dirty", sa.column("index_name", sa.String()), sa.column("key", sa.String()))
    customers = sa.table("customers", sa.column("id", sa.String()))
    every = sa.select(sa.literal("customer_search"), sa.cast(customers.c.id, sa.String(36)))
    op.execute(sa.insert(dirty).from_select(["index_name", "key"], every))


def downgrade() -> None:
    # The word stands in the index and is asked by nobody.
    pass
