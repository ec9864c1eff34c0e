"""Ends of operation logs."""

import sqlalchemy as sa
from alembic import op

from shared.db import base

revision = "6b0d94e2a7c1"
down_revision = "bc771c464a17"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_heads",
        sa.Column("branch_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.Integer(), nullable=False),
        sa.Column("seq", base.BigCounter, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("told_at", base.Instant(), nullable=False),
        sa.Column("bad", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("branch_number", "number", name=op.f("pk_log_heads")),
    )


def downgrade() -> None:
    op.drop_table("log_heads")
