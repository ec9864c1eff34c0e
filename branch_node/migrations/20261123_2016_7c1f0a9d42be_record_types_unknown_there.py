"""Record types that a receiver does not know yet."""

import sqlalchemy as sa
from alembic import op

from shared.db import base

revision = "7c1f0a9d42be"
down_revision = "c679d9c59a01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unknown_there", base.Json, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_column("unknown_there")
