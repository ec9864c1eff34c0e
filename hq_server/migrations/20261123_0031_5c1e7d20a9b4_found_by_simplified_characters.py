"""Customers written in traditional characters are indexed again, to be found by simplified ones."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from shared.db.search_terms import simplified

revision = "5c1e7d20a9b4"
down_revision = "397b83dda1fe"
branch_labels = None
depends_on = None

CHUNK = 500


def upgrade() -> None:
    batches = {
        *_batches("replica_customers", "name", "short_name"),
        *_batches("replica_contacts", "name"),
    }
    inbox = sa.table("inbox_batches", sa.column("id", sa.BigInteger()), sa.column("indexed_at", sa.String()))
    ordered = sorted(batches)
    for start in range(0, len(ordered), CHUNK):
        some = inbox.c.id.in_(ordered[start : start + CHUNK])
        op.get_bind().execute(sa.update(inbox).where(some).values(indexed_at=sa.null()))


def _batches(source: str, *columns: str) -> Iterator[int]:
    """Yield the batches that brought rows with traditional characters; the job that indexes takes them in again."""
    table = sa.table(
        source, sa.column("batch_id", sa.BigInteger()), *(sa.column(name, sa.String()) for name in columns)
    )
    rows = op.get_bind().execute(sa.select(table.c.batch_id, *(table.c[name] for name in columns)))
    for row in rows:
        if any(text and simplified(text) != text for text in row[1:]):
            yield row[0]


def downgrade() -> None:
    """Nothing to take back: the index holds more words, and none is wrong."""
