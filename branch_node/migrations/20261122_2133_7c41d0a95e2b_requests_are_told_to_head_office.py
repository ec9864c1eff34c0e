"""Requests of people about their data are told to head office, those already recorded too."""

from alembic import op

revision = "7c41d0a95e2b"
down_revision = "a4075dd18f62"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is written from now on is captured by triggers; what stands there already nobody would ever send.
    op.execute(
        "INSERT INTO sync_changes (record_type, record_id, op) "
        "SELECT 'personal_request', id, 'I' FROM personal_requests ORDER BY id"
    )


def downgrade() -> None:
    op.execute("DELETE FROM sync_changes WHERE record_type = 'personal_request' AND batch_id IS NULL")
