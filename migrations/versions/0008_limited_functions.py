"""Every claim asks whether its function has a limit: an index that is mostly empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "function_reserved_concurrency_idx",
        "function",
        ["name"],
        postgresql_where=sa.text("reserved_concurrency IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("function_reserved_concurrency_idx", table_name="function")
