"""Workers say what they serve, so that any replica can tell who runs what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = postgresql.TIMESTAMP(timezone=True)
    op.add_column(
        "worker",
        sa.Column(
            "function_names",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.add_column(
        "worker",
        sa.Column("pools", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "worker",
        sa.Column("pool_concurrency", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("worker", sa.Column("registered_at", instant))
    op.add_column("worker", sa.Column("left_at", instant))
    op.create_check_constraint(
        op.f("pools_are_an_object"), "worker", "jsonb_typeof(pools) = 'object'"
    )


def downgrade() -> None:
    op.drop_constraint("pools_are_an_object", "worker")
    for column in ("left_at", "registered_at", "pool_concurrency", "pools", "function_names"):
        op.drop_column("worker", column)
