"""Customers are handed over in bulk."""

import sqlalchemy as sa
from alembic import op

revision = "b7d40f3a91c6"
down_revision = "3e009d50da84"
branch_labels = None
depends_on = None

BEFORE = ("add_tag", "drop_tag", "stage", "tier", "level", "channel", "share", "retire")


def upgrade() -> None:
    _kinds(*BEFORE[:-1], "hand_over", "retire")


def downgrade() -> None:
    acts = "SELECT id FROM bulk_acts WHERE kind = 'hand_over'"
    op.execute(f"DELETE FROM bulk_rows WHERE act_id IN ({acts})")  # noqa: S608 - names from above
    op.execute("DELETE FROM bulk_acts WHERE kind = 'hand_over'")
    _kinds(*BEFORE)


def _kinds(*codes: str) -> None:
    listed = ", ".join(f"'{code}'" for code in codes)
    with op.batch_alter_table("bulk_acts", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_bulk_acts_bulkkind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_bulk_acts_bulkkind"), sa.text(f"kind IN ({listed})"))
