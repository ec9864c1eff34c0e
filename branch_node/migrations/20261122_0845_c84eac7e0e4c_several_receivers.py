"""Rows of the sync belong to a receiver; those that are there belong to head office."""

import sqlalchemy as sa
from alembic import op

revision = "c84eac7e0e4c"
down_revision = "e5c8bf7469e4"
branch_labels = None
depends_on = None

# Tables whose key tells rows apart within a receiver only, and that key.
KEYED = {
    "hq_backed_up": ["channel"],
    "lineages": ["lineage"],
    "record_proofs": ["record_type"],
    "recovered_rows": ["lineage", "record_type", "record_id"],
    "sync_chain_heads": ["channel"],
}
COUNTED = ("membership", "refused_records", "sync_changes", "sync_cycles", "sync_outbox")
# Name, table, columns without and with the receiver in front, the rows it holds.
INDEXES = (
    ("ix_sync_changes_unsealed", "sync_changes", ["record_type", "id"], "batch_id IS NULL"),
    ("ix_sync_outbox_stored", "sync_outbox", ["channel", "id", "payload_bytes"], "payload IS NOT NULL"),
    ("ix_sync_outbox_unacknowledged", "sync_outbox", ["channel", "batch_no"], "acknowledged_at IS NULL"),
)
PLACE = ["lineage", "channel", "batch_no"]


def upgrade() -> None:
    for name, table, _columns, where in INDEXES:
        op.drop_index(name, table, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    for table, key in KEYED.items():
        with op.batch_alter_table(table) as batch:
            batch.add_column(_receiver())
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", ["receiver", *key])
    for table in COUNTED:
        with op.batch_alter_table(table) as batch:
            batch.add_column(_receiver())
    with op.batch_alter_table("membership") as batch:
        batch.drop_constraint(op.f("ck_membership_one_row"), type_="check")
        batch.create_unique_constraint("uq_membership_receiver", ["receiver"])
    with op.batch_alter_table("sync_outbox") as batch:
        batch.drop_constraint("uq_sync_outbox_lineage_channel_batch_no", type_="unique")
        batch.create_unique_constraint(
            "uq_sync_outbox_receiver_lineage_channel_batch_no", ["receiver", *PLACE]
        )
    for name, table, columns, where in INDEXES:
        kept = sa.text(where)
        op.create_index(name, table, ["receiver", *columns], sqlite_where=kept, postgresql_where=kept)


def downgrade() -> None:
    for name, table, _columns, where in INDEXES:
        op.drop_index(name, table, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    # An earlier program knows of head office only.
    for table in (*KEYED, *COUNTED):
        op.execute(f"DELETE FROM {table} WHERE receiver <> 'hq'")  # noqa: S608 - names from above
    with op.batch_alter_table("sync_outbox") as batch:
        batch.drop_constraint("uq_sync_outbox_receiver_lineage_channel_batch_no", type_="unique")
        batch.create_unique_constraint("uq_sync_outbox_lineage_channel_batch_no", PLACE)
    with op.batch_alter_table("membership") as batch:
        batch.drop_constraint("uq_membership_receiver", type_="unique")
        batch.create_check_constraint(op.f("ck_membership_one_row"), "id = 1")
    for table in COUNTED:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("receiver")
    for table, key in KEYED.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", key)
            batch.drop_column("receiver")
    for name, table, columns, where in INDEXES:
        kept = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=kept, postgresql_where=kept)


def _receiver() -> sa.Column[str]:
    return sa.Column("receiver", sa.String(length=20), server_default="hq", nullable=False)
