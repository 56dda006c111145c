"""What checkpoints write is checked by tests, not by Postgres with every statement."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IN_FLIGHT = "invocation_worker_id IS NOT NULL"

_CONDITIONS = {
    "execution": {
        "ended_iff_closed": "(status IN ('RUNNING', 'PAUSING', 'PAUSED')) = (ended_at IS NULL)",
        "purged_after_its_end": "(ended_at IS NULL) = (purge_at IS NULL)",
        "pausing_iff_a_pause_was_asked_for": "(status = 'PAUSING') = (pausing IS NOT NULL)",
        "paused_once_nothing_is_in_flight": (
            f"CASE status WHEN 'PAUSING' THEN {_IN_FLIGHT} WHEN 'PAUSED' THEN NOT {_IN_FLIGHT}"
            " ELSE true END"
        ),
        "held_while_paused": "invocation_held_at IS NULL OR status = 'PAUSED'",
        "deleting_iff_asked_for": "(status = 'DELETING') = (deletion_requested_at IS NOT NULL)",
        "part_is_twelve_bits": "part BETWEEN 0 AND 4095",
        "invocation_is_queued_or_running": (
            f"({_IN_FLIGHT}) = (invocation_started_at IS NOT NULL)"
            f" AND ({_IN_FLIGHT}) = (invocation_claimed_event_id IS NOT NULL)"
            f" AND NOT ({_IN_FLIGHT} AND invocation_ready_at IS NOT NULL)"
        ),
        "queued_while_running": "status = 'RUNNING' OR invocation_ready_at IS NULL",
        "seen_within_log": "seen_event_id <= last_event_id",
        "suspended_within_seen": "suspended_event_id <= seen_event_id",
        "parent_is_whole": "(parent_id IS NULL) = (parent_operation_id IS NULL)",
    },
    "event": {"event_ids_start_at_one": "event_id > 0"},
    "invocation": {"claimed_by_a_worker": "(invocation_id IS NULL) = (worker_id IS NULL)"},
}


def upgrade() -> None:
    for table, conditions in _CONDITIONS.items():
        for name in conditions:
            op.drop_constraint(op.f(name), table)


def downgrade() -> None:
    for table, conditions in _CONDITIONS.items():
        for name, condition in conditions.items():
            op.create_check_constraint(op.f(name), table, condition)
