"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callback",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("part", "execution_id", "operation_id", name=op.f("callback_pkey")),
    )
    op.create_table(
        "code_artifact",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("sha256_is_hex")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("code_artifact_pkey")),
    )
    op.create_table(
        "event",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("sub_type", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.LargeBinary(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("event_id > 0", name=op.f("event_ids_start_at_one")),
        sa.PrimaryKeyConstraint("part", "execution_id", "event_id", name=op.f("event_pkey")),
    )
    op.create_table(
        "execution",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("function_version", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("function_version_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("durable", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("parent_operation_id", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("client_context", sa.Text(), nullable=True),
        sa.Column("forked_from", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_event_id", sa.Integer(), nullable=False),
        sa.Column("operation_count", sa.Integer(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("ticked_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("token_seq", sa.Integer(), nullable=False),
        sa.Column("token_nonce", sa.BigInteger(), nullable=False),
        sa.Column("invocation_id", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("invocation_ready_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("invocation_worker_id", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("invocation_started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("invocation_claimed_event_id", sa.Integer(), nullable=True),
        sa.Column("seen_event_id", sa.Integer(), nullable=False),
        sa.Column("seen_now", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("previously_seen_event_id", sa.Integer(), nullable=False),
        sa.Column("previously_seen_now", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("client_token", sa.Text(), nullable=True),
        sa.Column("failures", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(status = 'RUNNING') = (ended_at IS NULL)", name=op.f("ended_iff_closed")
        ),
        sa.CheckConstraint(
            "status = 'RUNNING' OR invocation_ready_at IS NULL", name=op.f("closed_is_never_queued")
        ),
        sa.CheckConstraint(
            "(invocation_worker_id IS NOT NULL) = (invocation_started_at IS NOT NULL)"
            " AND (invocation_worker_id IS NOT NULL) = (invocation_claimed_event_id IS NOT NULL)"
            " AND NOT (invocation_worker_id IS NOT NULL AND invocation_ready_at IS NOT NULL)",
            name=op.f("invocation_is_queued_or_running"),
        ),
        sa.CheckConstraint(
            "(parent_id IS NULL) = (parent_operation_id IS NULL)", name=op.f("parent_is_whole")
        ),
        sa.CheckConstraint("part BETWEEN 0 AND 4095", name=op.f("part_is_twelve_bits")),
        sa.CheckConstraint("seen_event_id <= last_event_id", name=op.f("seen_within_log")),
        sa.PrimaryKeyConstraint("part", "id", name=op.f("execution_pkey")),
        postgresql_with={"fillfactor": "60"},
    )
    op.create_index(
        "execution_function_name_idx",
        "execution",
        [
            "account",
            "function_name",
            sa.literal_column("started_at DESC"),
            sa.literal_column("id DESC"),
        ],
        unique=False,
        postgresql_where=sa.text("durable"),
    )
    op.create_index(
        "execution_started_at_idx",
        "execution",
        [sa.literal_column("started_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("durable"),
    )
    op.create_table(
        "execution_name",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "part", "account", "function_name", "name", name=op.f("execution_name_pkey")
        ),
    )
    op.create_index(
        "execution_name_execution_id_idx", "execution_name", ["part", "execution_id"], unique=False
    )
    op.create_table(
        "function",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("latest_version_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("newest_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("function_pkey")),
    )
    op.create_table(
        "function_version",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("durable_timeout_seconds", sa.Integer(), nullable=True),
        sa.Column("durable_retention_days", sa.Integer(), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("package_type", sa.Text(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=True),
        sa.Column("handler", sa.Text(), nullable=True),
        sa.Column("code_sha256", sa.Text(), nullable=True),
        sa.Column("image_uri", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(package_type = 'Image') = (image_uri IS NOT NULL)", name=op.f("image_has_a_uri")
        ),
        sa.CheckConstraint(
            "(durable_timeout_seconds IS NULL) = (durable_retention_days IS NULL)",
            name=op.f("durable_config_is_whole"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("function_version_pkey")),
        sa.UniqueConstraint(
            "account", "function_name", "version", name=op.f("function_version_account_key")
        ),
    )
    op.create_table(
        "invocation",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("function_version_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("ready_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("invocation_id", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("worker_id", sa.UUID(as_uuid=False), nullable=True),
        sa.CheckConstraint(
            "(invocation_id IS NULL) = (worker_id IS NULL)", name=op.f("claimed_by_a_worker")
        ),
        sa.PrimaryKeyConstraint("part", "execution_id", name=op.f("invocation_pkey")),
    )
    op.create_index(
        "invocation_ready_at_idx",
        "invocation",
        ["function_version_id", "ready_at"],
        unique=False,
        postgresql_where=sa.text("worker_id IS NULL"),
    )
    op.create_index(
        "invocation_worker_id_idx",
        "invocation",
        ["worker_id"],
        unique=False,
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    )
    op.create_table(
        "log_line",
        sa.Column("invocation_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("invocation_id", "line", name=op.f("log_line_pkey")),
    )
    op.create_table(
        "notice",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("parent_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("child_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("part", "parent_id", "operation_id", name=op.f("notice_pkey")),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("id BETWEEN 0 AND 255", name=op.f("key_id_is_a_byte")),
        sa.CheckConstraint("octet_length(secret) = 32", name=op.f("secret_is_32_bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("signing_key_pkey")),
    )
    op.create_table(
        "timer",
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "part", "execution_id", "kind", "operation_id", name=op.f("timer_pkey")
        ),
    )
    op.create_index("timer_due_at_idx", "timer", ["due_at"], unique=False)
    op.create_table(
        "worker",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("seen_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("worker_pkey")),
    )
    op.create_table(
        "alias",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("function_version_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_version_id"],
            ["function_version.id"],
            name=op.f("alias_function_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account", "function_name", "name", name=op.f("alias_pkey")),
    )


def downgrade() -> None:
    op.drop_table("alias")
    op.drop_table("worker")
    op.drop_index("timer_due_at_idx", table_name="timer")
    op.drop_table("timer")
    op.drop_table("signing_key")
    op.drop_table("notice")
    op.drop_table("log_line")
    op.drop_index(
        "invocation_worker_id_idx",
        table_name="invocation",
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    )
    op.drop_index(
        "invocation_ready_at_idx",
        table_name="invocation",
        postgresql_where=sa.text("worker_id IS NULL"),
    )
    op.drop_table("invocation")
    op.drop_table("function_version")
    op.drop_table("function")
    op.drop_index("execution_name_execution_id_idx", table_name="execution_name")
    op.drop_table("execution_name")
    op.drop_index(
        "execution_started_at_idx", table_name="execution", postgresql_where=sa.text("durable")
    )
    op.drop_index(
        "execution_function_name_idx", table_name="execution", postgresql_where=sa.text("durable")
    )
    op.drop_table("execution")
    op.drop_table("event")
    op.drop_table("code_artifact")
    op.drop_table("callback")
