"""Shared and served customers."""

import sqlalchemy as sa
from alembic import op

from shared.db import base

revision = "120e322499f8"
down_revision = "d61df677b18e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_servings",
        sa.Column("user_id", base.Id(), nullable=False),
        sa.Column("customer_id", base.Id(), nullable=False),
        sa.Column("began_at", base.Instant(), nullable=False),
        sa.Column("ends_at", base.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_customer_servings_customer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "customer_id", name=op.f("pk_customer_servings")),
    )
    with op.batch_alter_table("customer_servings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_servings_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "customer_shares",
        sa.Column("customer_id", base.Id(), nullable=False),
        sa.Column("manager_id", base.Id(), nullable=False),
        sa.Column("shared_at", base.Instant(), nullable=False),
        sa.Column("shared_by", sa.String(length=80), nullable=False),
        sa.Column("ends_at", base.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_shares_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name=op.f("fk_customer_shares_manager_id")),
        sa.PrimaryKeyConstraint("customer_id", "manager_id", name=op.f("pk_customer_shares")),
    )
    with op.batch_alter_table("customer_shares", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_shares_manager_id"), ["manager_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("customer_shares", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_shares_manager_id"))

    op.drop_table("customer_shares")
    with op.batch_alter_table("customer_servings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_servings_customer_id"))

    op.drop_table("customer_servings")
