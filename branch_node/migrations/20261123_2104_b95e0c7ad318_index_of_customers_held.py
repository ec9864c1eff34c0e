"""The index of whom an account manager holds tells their regions and ids too."""

from alembic import op

revision = "b95e0c7ad318"
down_revision = "7c1f0a9d42be"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_customers_manager_id", table_name="customers")
    op.create_index("ix_customers_manager_id", "customers", ["manager_id", "region_code", "id"])


def downgrade() -> None:
    op.drop_index("ix_customers_manager_id", table_name="customers")
    op.create_index("ix_customers_manager_id", "customers", ["manager_id"])
