"""Offers go to branches as published items do."""

import sqlalchemy as sa
from alembic import op

revision = "7b1d5f2e90a3"
down_revision = "089a2e27052d"
branch_labels = None
depends_on = None

BEFORE = ("code_table", "policy", "announcement", "rules", "recall", "personal_order")


def upgrade() -> None:
    _kinds("code_table", "policy", "announcement", "rules", "recall", "offer", "personal_order")


def downgrade() -> None:
    offers = "SELECT id FROM feed_items WHERE kind = 'offer'"
    for table in ("feed_tellings", "feed_versions"):
        op.execute(f"DELETE FROM {table} WHERE item_id IN ({offers})")  # noqa: S608 - names from above
    op.execute("DELETE FROM feed_items WHERE kind = 'offer'")
    _kinds(*BEFORE)


def _kinds(*codes: str) -> None:
    listed = ", ".join(f"'{code}'" for code in codes)
    with op.batch_alter_table("feed_items", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_feed_items_itemkind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_feed_items_itemkind"), sa.text(f"kind IN ({listed})"))
