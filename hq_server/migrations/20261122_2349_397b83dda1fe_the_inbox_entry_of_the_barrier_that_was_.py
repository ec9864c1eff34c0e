"""The inbox entry of the barrier that was last equal."""

import sqlalchemy as sa
from alembic import op

revision = "397b83dda1fe"
down_revision = "9d3f1c70b2aa"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("proofs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("equal_entry", sa.BigInteger(), nullable=True))
    # Until now a barrier was of the record type it compared, and in that type's own channel.
    op.execute(
        "UPDATE proofs SET equal_entry = (SELECT max(inbox_batches.id) FROM inbox_batches"
        " WHERE inbox_batches.branch_number = proofs.branch_number AND inbox_batches.lineage = proofs.lineage"
        " AND inbox_batches.record_type = proofs.record_type AND inbox_batches.batch_no = proofs.equal_through"
        " AND inbox_batches.channel <> 'backlog')"
    )


def downgrade() -> None:
    with op.batch_alter_table("proofs", schema=None) as batch_op:
        batch_op.drop_column("equal_entry")
