"""Executions can be paused, and are deleted: on request, or when their retention is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_IN_FLIGHT = "invocation_worker_id IS NOT NULL"


def upgrade() -> None:
    instant = postgresql.TIMESTAMP(timezone=True)
    op.add_column("execution", sa.Column("purge_at", instant))
    op.add_column("execution", sa.Column("invocation_held_at", instant))
    op.add_column(
        "execution",
        sa.Column("token_withheld", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("execution", sa.Column("pausing", postgresql.JSONB()))
    op.add_column("execution", sa.Column("requests", postgresql.JSONB()))
    op.add_column("execution", sa.Column("deletion_requested_at", instant))
    op.execute(
        "UPDATE execution SET purge_at = ended_at + CASE WHEN durable"
        " THEN make_interval(hours => 24 * retention_days) ELSE interval '1 hour' END"
        " WHERE ended_at IS NOT NULL"
    )
    op.drop_constraint("ended_iff_closed", "execution")
    op.drop_constraint("closed_is_never_queued", "execution")
    for name, condition in {
        "ended_iff_closed": "(status IN ('RUNNING', 'PAUSING', 'PAUSED')) = (ended_at IS NULL)",
        "queued_while_running": "status = 'RUNNING' OR invocation_ready_at IS NULL",
        "purged_after_its_end": "(ended_at IS NULL) = (purge_at IS NULL)",
        "pausing_iff_a_pause_was_asked_for": "(status = 'PAUSING') = (pausing IS NOT NULL)",
        "paused_once_nothing_is_in_flight": (
            f"CASE status WHEN 'PAUSING' THEN {_IN_FLIGHT} WHEN 'PAUSED' THEN NOT {_IN_FLIGHT}"
            " ELSE true END"
        ),
        "held_while_paused": "invocation_held_at IS NULL OR status = 'PAUSED'",
        "deleting_iff_asked_for": "(status = 'DELETING') = (deletion_requested_at IS NOT NULL)",
    }.items():
        op.create_check_constraint(op.f(name), "execution", condition)
    op.create_index(
        "execution_purge_at_idx",
        "execution",
        ["purge_at"],
        postgresql_where=sa.text("purge_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "execution_purge_at_idx",
        table_name="execution",
        postgresql_where=sa.text("purge_at IS NOT NULL"),
    )
    for name in (
        "deleting_iff_asked_for",
        "held_while_paused",
        "paused_once_nothing_is_in_flight",
        "pausing_iff_a_pause_was_asked_for",
        "purged_after_its_end",
        "queued_while_running",
        "ended_iff_closed",
    ):
        op.drop_constraint(name, "execution")
    for column in (
        "deletion_requested_at",
        "requests",
        "pausing",
        "token_withheld",
        "invocation_held_at",
        "purge_at",
    ):
        op.drop_column("execution", column)
    op.create_check_constraint(
        op.f("ended_iff_closed"), "execution", "(status = 'RUNNING') = (ended_at IS NULL)"
    )
    op.create_check_constraint(
        op.f("closed_is_never_queued"),
        "execution",
        "status = 'RUNNING' OR invocation_ready_at IS NULL",
    )
