"""A worker that registers again leaves alone what was set since it said the same before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("function_version", sa.Column("declared", JSONB))


def downgrade() -> None:
    op.drop_column("function_version", "declared")
