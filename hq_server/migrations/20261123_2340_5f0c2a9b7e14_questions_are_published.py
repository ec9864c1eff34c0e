"""Questions to customers go to branches as published items do."""

import sqlalchemy as sa
from alembic import op

revision = "5f0c2a9b7e14"
down_revision = "2c171a5ce319"
branch_labels = None
depends_on = None

BEFORE = ("code_table", "policy", "announcement", "rules", "recall", "offer", "personal_order")


def upgrade() -> None:
    _kinds("code_table", "policy", "announcement", "rules", "recall", "offer", "question", "personal_order")


def downgrade() -> None:
    questions = "SELECT id FROM feed_items WHERE kind = 'question'"
    for table in ("feed_tellings", "feed_versions"):
        op.execute(f"DELETE FROM {table} WHERE item_id IN ({questions})")  # noqa: S608 - names from above
    op.execute("DELETE FROM feed_items WHERE kind = 'question'")
    _kinds(*BEFORE)


def _kinds(*codes: str) -> None:
    listed = ", ".join(f"'{code}'" for code in codes)
    with op.batch_alter_table("feed_items", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_feed_items_itemkind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_feed_items_itemkind"), sa.text(f"kind IN ({listed})"))
