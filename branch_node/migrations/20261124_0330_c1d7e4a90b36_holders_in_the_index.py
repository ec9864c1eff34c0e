"""Customers are indexed again: who their account manager is stands in the index of words."""

import sqlalchemy as sa
from alembic import op

revision = "c1d7e4a90b36"
down_revision = "246c2edac0d7"
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
