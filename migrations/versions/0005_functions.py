"""Functions are deployed, configured, tagged, limited, tested and deleted; aliases are weighted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = postgresql.TIMESTAMP(timezone=True)
_UUID = sa.UUID(as_uuid=False)

_VERSION_CHECKS = {
    "environment_is_an_object": "jsonb_typeof(environment) = 'object'",
    "deployed_is_whole": (
        "NOT deployed OR (package_type = 'Zip' AND runtime IS NOT NULL AND handler IS NOT NULL"
        " AND code_sha256 IS NOT NULL AND code_bytes IS NOT NULL)"
    ),
}
_FUNCTION_CHECKS = {
    "reserved_concurrency_is_a_count": "reserved_concurrency >= 0",
    "tags_are_an_object": "jsonb_typeof(tags) = 'object'",
}
_ALIAS_CHECKS = {
    "additional_version_has_a_weight": (
        "(additional_version_id IS NULL) = (additional_weight IS NULL)"
    ),
    "weight_is_a_share": "additional_weight BETWEEN 0 AND 1",
    "versions_differ": "additional_version_id <> function_version_id",
}


def _object(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'"))


def _text(name: str, default: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text(f"'{default}'"))


def upgrade() -> None:
    for column in (
        _object("environment"),
        sa.Column("code_bytes", sa.BigInteger()),
        sa.Column("deployed", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("role", sa.Text()),
        _text("architecture", "x86_64"),
        sa.Column(
            "ephemeral_storage_mb", sa.Integer(), nullable=False, server_default=sa.text("512")
        ),
        _object("logging"),
        _text("tracing_mode", "PassThrough"),
        _text("snap_start", "None"),
    ):
        op.add_column("function_version", column)
    op.execute(
        "UPDATE function_version v SET code_bytes = octet_length(archive)"
        " FROM code_artifact c WHERE c.sha256 = v.code_sha256"
    )
    op.create_index(
        "function_version_code_sha256_idx",
        "function_version",
        ["code_sha256"],
        postgresql_where=sa.text("code_sha256 IS NOT NULL"),
    )
    op.add_column("function", sa.Column("region", sa.Text()))
    op.add_column("function", sa.Column("created_at", _INSTANT))
    op.add_column("function", sa.Column("reserved_concurrency", sa.Integer()))
    op.add_column("function", _object("tags"))
    # No function could be deleted before, so all executions are of the one that there is.
    op.execute(
        "UPDATE function f SET region = v.region, created_at = to_timestamp(0)"
        " FROM function_version v WHERE v.id = f.latest_version_id"
    )
    op.alter_column("function", "region", nullable=False)
    op.alter_column("function", "created_at", nullable=False)
    op.add_column("alias", sa.Column("additional_version_id", _UUID))
    op.add_column("alias", sa.Column("additional_weight", sa.Double()))
    op.create_foreign_key(
        "alias_additional_version_id_fkey",
        "alias",
        "function_version",
        ["additional_version_id"],
        ["id"],
    )
    for table, checks in (
        ("function_version", _VERSION_CHECKS),
        ("function", _FUNCTION_CHECKS),
        ("alias", _ALIAS_CHECKS),
    ):
        for name, condition in checks.items():
            op.create_check_constraint(op.f(name), table, condition)
    op.create_table(
        "test_event",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("function_name", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("modified_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account", "function_name"],
            ["function.account", "function.name"],
            name="test_event_account_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "deleted_version",
        sa.Column("id", _UUID, primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("deleted_at", _INSTANT, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("deleted_version")
    op.drop_table("test_event")
    for name in _ALIAS_CHECKS:
        op.drop_constraint(name, "alias")
    op.drop_column("alias", "additional_weight")
    op.drop_column("alias", "additional_version_id")
    for name in _FUNCTION_CHECKS:
        op.drop_constraint(name, "function")
    for column in ("tags", "reserved_concurrency", "created_at", "region"):
        op.drop_column("function", column)
    for name in _VERSION_CHECKS:
        op.drop_constraint(name, "function_version")
    op.drop_index("function_version_code_sha256_idx", table_name="function_version")
    for column in (
        "snap_start",
        "tracing_mode",
        "logging",
        "ephemeral_storage_mb",
        "architecture",
        "role",
        "deployed",
        "code_bytes",
        "environment",
    ):
        op.drop_column("function_version", column)
