"""Where the events of failed asynchronous executions go, and those on their way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("execution", sa.Column("dead_letter_target", sa.Text(), nullable=True))
    op.add_column("function_version", sa.Column("dead_letter_target", sa.Text(), nullable=True))
    op.create_table(
        "dead_letter",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("execution_arn", sa.Text(), nullable=True),
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_type", sa.LargeBinary(), nullable=False),
        sa.Column("error_message", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.Column("given_up_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("part", "execution_id", name=op.f("dead_letter_pkey")),
    )
    op.create_index("dead_letter_due_at_idx", "dead_letter", ["due_at"])


def downgrade() -> None:
    op.drop_table("dead_letter")
    op.drop_column("function_version", "dead_letter_target")
    op.drop_column("execution", "dead_letter_target")
