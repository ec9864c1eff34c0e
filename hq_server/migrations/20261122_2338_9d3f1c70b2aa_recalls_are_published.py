"""Recalls go to branches as published items do."""

import sqlalchemy as sa
from alembic import op

revision = "9d3f1c70b2aa"
down_revision = "64a677cf84e2"
branch_labels = None
depends_on = None

BEFORE = ("code_table", "policy", "announcement", "rules", "personal_order")


def upgrade() -> None:
    _kinds("code_table", "policy", "announcement", "rules", "recall", "personal_order")


def downgrade() -> None:
    recalls = "SELECT id FROM feed_items WHERE kind = 'recall'"
    for table in ("feed_tellings", "feed_versions"):
        op.execute(f"DELETE FROM {table} WHERE item_id IN ({recalls})")  # noqa: S608 - names from above
    op.execute("DELETE FROM feed_items WHERE kind = 'recall'")
    _kinds(*BEFORE)


def _kinds(*codes: str) -> None:
    listed = ", ".join(f"'{code}'" for code in codes)
    with op.batch_alter_table("feed_items", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_feed_items_itemkind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_feed_items_itemkind"), sa.text(f"kind IN ({listed})"))
