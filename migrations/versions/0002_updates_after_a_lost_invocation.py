"""What the function had been shown when it last ended well, and how often it was invoked again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "execution",
        sa.Column("suspended_event_id", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "execution",
        sa.Column(
            "suspended_now",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            server_default=sa.text("to_timestamp(0)"),
        ),
    )
    op.add_column(
        "execution",
        sa.Column("invocation_retries", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    op.execute(
        "UPDATE execution SET suspended_event_id = seen_event_id, suspended_now = seen_now"
        " WHERE status = 'RUNNING'"
    )
    op.create_check_constraint(
        op.f("suspended_within_seen"), "execution", "suspended_event_id <= seen_event_id"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("suspended_within_seen"), "execution", type_="check")
    op.drop_column("execution", "invocation_retries")
    op.drop_column("execution", "suspended_now")
    op.drop_column("execution", "suspended_event_id")
