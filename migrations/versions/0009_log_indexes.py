"""A function's lines of one operation were sought among all that it has written. Streams had an
index that no query could use, and every line that arrived had to move its entry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "log_line_operation_id_idx",
        "log_line",
        ["group_id", "operation_id", "id"],
        postgresql_where=sa.text("operation_id IS NOT NULL"),
    )
    op.drop_index("log_stream_last_at_idx", table_name="log_stream")


def downgrade() -> None:
    op.create_index("log_stream_last_at_idx", "log_stream", ["group_id", "last_at", "id"])
    op.drop_index("log_line_operation_id_idx", table_name="log_line")
