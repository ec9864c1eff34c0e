"""Kinds of staff instead of two rights; sessions kept here; the second step of signing in."""

import sqlalchemy as sa
from alembic import op

from shared.db import base

revision = "d61df677b18e"
down_revision = "5d2c9f10b7a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", base.Id(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", base.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id")),
        sa.PrimaryKeyConstraint("user_id", "digest", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "second_steps",
        sa.Column("user_id", base.Id(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", base.Instant(), nullable=False),
        sa.Column("confirmed_at", base.Instant(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_second_steps_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_steps")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", base.Id(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", base.Id(), nullable=False),
        sa.Column("began_at", base.Instant(), nullable=False),
        sa.Column("seen_at", base.Instant(), nullable=False),
        sa.Column("proven_at", base.Instant(), nullable=True),
        sa.Column("terminal", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_began_at"), ["began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    with op.batch_alter_table("sign_in_throttles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counts", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("user_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("terminal", sa.String(length=60), nullable=True))

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum(
                    "leader",
                    "analyst",
                    "branch_manager",
                    "account_manager",
                    "service",
                    "administrator",
                    name="staff_kind",
                    native_enum=False,
                    create_constraint=True,
                    length=20,
                ),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("duties", base.Json, server_default="[]", nullable=False))
        batch_op.add_column(
            sa.Column(
                "data_range",
                sa.Enum(
                    "none",
                    "aggregate",
                    "self",
                    "team",
                    "branch",
                    "group",
                    name="data_range",
                    native_enum=False,
                    create_constraint=True,
                    length=20,
                ),
                server_default="none",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("branches", base.Json, nullable=True))

    # The least that fits: who keeps accounts says who more may do more, and the business grants ranges.
    op.execute(
        "UPDATE users SET kind = CASE "
        "WHEN \"right\" = 'administrator' THEN 'administrator' "
        "WHEN manager_id IS NOT NULL THEN 'account_manager' ELSE 'service' END"
    )
    op.execute(
        "UPDATE users SET data_range = CASE kind "
        "WHEN 'account_manager' THEN 'self' "
        "WHEN 'service' THEN 'team' ELSE 'none' END"
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=20), nullable=False)
        batch_op.drop_constraint(batch_op.f("ck_users_right"), type_="check")
        batch_op.drop_column("right")
        batch_op.drop_constraint(batch_op.f("ck_users_epoch_counts_up"), type_="check")
        batch_op.drop_column("session_epoch")
    with op.batch_alter_table("ended_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ended_sessions_expires_at"))

    op.drop_table("ended_sessions")


def downgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", base.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sessions")),
    )
    with op.batch_alter_table("ended_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ended_sessions_expires_at"), ["expires_at"], unique=False)
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_users_staff_kind"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_users_data_range"), type_="check")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session_epoch", sa.INTEGER(), nullable=False, server_default="1"))
        batch_op.create_check_constraint(batch_op.f("ck_users_epoch_counts_up"), "session_epoch >= 1")
        batch_op.add_column(sa.Column("right", sa.VARCHAR(length=20), nullable=False, server_default="staff"))
        batch_op.create_check_constraint(
            batch_op.f("ck_users_right"), "\"right\" IN ('staff', 'administrator')"
        )
        batch_op.drop_column("branches")
        batch_op.drop_column("data_range")
        batch_op.drop_column("duties")
        batch_op.drop_column("kind")

    with op.batch_alter_table("sign_in_throttles", schema=None) as batch_op:
        batch_op.drop_column("terminal")
        batch_op.drop_column("user_id")
        batch_op.drop_column("counts")

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id"))
        batch_op.drop_index(batch_op.f("ix_sessions_began_at"))

    op.drop_table("sessions")
    op.drop_table("second_steps")
    op.drop_table("recovery_codes")
