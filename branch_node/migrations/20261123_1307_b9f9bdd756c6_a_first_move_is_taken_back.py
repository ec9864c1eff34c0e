"""A first move is taken back: the customer stands nowhere again."""

import sqlalchemy as sa
from alembic import op

revision = "b9f9bdd756c6"
down_revision = "05c1e732dcb4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("customer_moves", schema=None) as batch_op:
        batch_op.alter_column("after", existing_type=sa.VARCHAR(length=20), nullable=True)


def downgrade() -> None:
    op.execute("UPDATE customer_moves SET after = before WHERE after IS NULL")
    with op.batch_alter_table("customer_moves", schema=None) as batch_op:
        batch_op.alter_column("after", existing_type=sa.VARCHAR(length=20), nullable=False)
