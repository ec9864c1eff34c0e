"""No confirmed values yet: nothing was ever written into the table."""

import sqlalchemy as sa
from alembic import op

from shared.db import base

revision = "9c1f4e7a2b63"
down_revision = "226eb715fda0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("field_confirmations")


def downgrade() -> None:
    op.create_table(
        "field_confirmations",
        sa.Column("customer_id", base.Id(), nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("confirmed_at", base.Instant(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_field_confirmations_customer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("customer_id", "field", name=op.f("pk_field_confirmations")),
    )
