"""Orders about personal data go to branches as published items do."""

import sqlalchemy as sa
from alembic import op

revision = "5d1c0e7a93b4"
down_revision = "e25f56209987"
branch_labels = None
depends_on = None

BEFORE = ("code_table", "policy", "announcement")


def upgrade() -> None:
    _kinds(*BEFORE, "personal_order")


def downgrade() -> None:
    orders = "SELECT id FROM feed_items WHERE kind = 'personal_order'"
    for table in ("feed_tellings", "feed_versions"):
        op.execute(f"DELETE FROM {table} WHERE item_id IN ({orders})")  # noqa: S608 - names from above
    op.execute("DELETE FROM feed_items WHERE kind = 'personal_order'")
    _kinds(*BEFORE)


def _kinds(*codes: str) -> None:
    listed = ", ".join(f"'{code}'" for code in codes)
    with op.batch_alter_table("feed_items", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_feed_items_itemkind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_feed_items_itemkind"), sa.text(f"kind IN ({listed})"))
