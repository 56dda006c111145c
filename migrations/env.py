"""alembic's entry point: the connection comes from `perdure_service.postgres.migrate`."""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import context

from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.tables import metadata


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    engine = sa.create_engine(sqlalchemy_url(os.environ["DATABASE_URL"]))
    with engine.connect() as own:
        _run(own)
