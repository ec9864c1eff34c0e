"""Chained operation log."""

import sqlalchemy as sa
from alembic import op

from shared.audit.adopting import chain_entries
from shared.db import base

revision = "8e41a6c0d3f5"
down_revision = "f2893c16d418"
branch_labels = None
depends_on = None

WORDS = {"action": 20, "module": 60, "outcome": 20, "digest": 64}
INDEXES = {
    "ix_audit_entries_action": ["action", "at"],
    "ix_audit_entries_actor": ["actor", "at"],
    "ix_audit_entries_manager_id": ["manager_id", "at"],
    "ix_audit_entries_module": ["module", "at"],
    "ix_audit_entries_subject": ["subject_type", "subject_id", "seq"],
}


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", base.BigCounter, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_keys",
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=80), nullable=False),
        sa.Column("wrapped", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("subject_type", "subject_id", name=op.f("pk_audit_keys")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_subject")
        batch_op.add_column(sa.Column("seq", base.BigCounter, nullable=True))
        batch_op.add_column(sa.Column("actor_id", base.Id(), nullable=True))
        batch_op.add_column(sa.Column("manager_id", base.Id(), nullable=True))
        for name, length in WORDS.items():
            batch_op.add_column(sa.Column(name, sa.String(length=length), nullable=True))
        batch_op.add_column(sa.Column("changes", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("sealed", sa.Text(), nullable=True))
        # As text: the chain is over what was written, and jsonb would keep it in a spelling of its own.
        batch_op.alter_column(
            "details", existing_type=base.Json, type_=sa.Text(), postgresql_using="details::text"
        )
    chain_entries(op.get_bind())
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.alter_column("seq", existing_type=base.BigCounter, nullable=False)
        for name, length in WORDS.items():
            batch_op.alter_column(name, existing_type=sa.String(length=length), nullable=False)
        batch_op.create_unique_constraint(op.f("uq_audit_entries_seq"), ["seq"])
        for name, columns in INDEXES.items():
            batch_op.create_index(name, columns, unique=False)


def downgrade() -> None:
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        for name in INDEXES:
            batch_op.drop_index(name)
        batch_op.drop_constraint(op.f("uq_audit_entries_seq"), type_="unique")
        batch_op.alter_column(
            "details", existing_type=sa.Text(), type_=base.Json, postgresql_using="details::jsonb"
        )
        for name in ("sealed", "changes", "manager_id", "actor_id", "seq", *WORDS):
            batch_op.drop_column(name)
        batch_op.create_index("ix_audit_entries_subject", ["subject_type", "subject_id", "id"], unique=False)
    op.drop_table("audit_keys")
    op.drop_table("audit_head")
