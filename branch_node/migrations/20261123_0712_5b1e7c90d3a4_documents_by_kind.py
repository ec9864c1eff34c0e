"""Documents by kind; they are indexed for the search box when the tables are made anew."""

from alembic import op

revision = "5b1e7c90d3a4"
down_revision = "b7d40f3a91c6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.create_index("ix_documents_kind", ["kind"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_index("ix_documents_kind")
