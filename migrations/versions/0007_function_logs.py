"""What functions write, in groups and streams; the table that was there was never written to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = postgresql.TIMESTAMP(timezone=True)
_UUID = sa.UUID(as_uuid=False)


def _bytes_stored() -> sa.Column[object]:
    return sa.Column("stored_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    op.drop_table("log_line")
    op.create_table(
        "log_group",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("retention_days", sa.Integer()),
        _bytes_stored(),
        sa.Column("deleted_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("log_group_pkey")),
        sa.CheckConstraint("retention_days > 0", name=op.f("retention_is_positive")),
    )
    _unique_name("log_group", "account")
    op.create_table(
        "log_stream",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("first_at", _INSTANT),
        sa.Column("last_at", _INSTANT),
        sa.Column("ingested_at", _INSTANT),
        _bytes_stored(),
        sa.Column("deleted_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("log_stream_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    _unique_name("log_stream", "group_id")
    op.create_index("log_stream_last_at_idx", "log_stream", ["group_id", "last_at", "id"])
    op.create_table(
        "log_line",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stream_id", sa.BigInteger(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("ingested_at", _INSTANT, nullable=False),
        sa.Column("request_id", _UUID),
        sa.Column("execution_id", _UUID),
        sa.Column("operation_id", sa.Text()),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "id", name=op.f("log_line_pkey")),
    )
    op.create_index("log_line_at_idx", "log_line", ["group_id", "at", "id"])
    op.create_index("log_line_stream_id_idx", "log_line", ["stream_id", "at", "id"])
    for column in ("execution_id", "request_id"):
        op.create_index(
            f"log_line_{column}_idx",
            "log_line",
            [column, "id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_table(
        "log_source",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("last_batch", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("log_source_pkey")),
    )


def _unique_name(table: str, owner: str) -> None:
    op.create_index(
        f"{table}_name_idx",
        table,
        [owner, "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    for table in ("log_source", "log_line", "log_stream", "log_group"):
        op.drop_table(table)
    op.create_table(
        "log_line",
        sa.Column("invocation_id", _UUID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("invocation_id", "line", name=op.f("log_line_pkey")),
    )
