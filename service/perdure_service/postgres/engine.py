"""SQLAlchemy's engine, for what is not hot."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from perdure_service.postgres.connection import sqlalchemy_url


def open_engine(url: str) -> AsyncEngine:
    """To be disposed of. Errors do not show what was bound: environments are secret, and a
    traceback ends up in the log."""
    return create_async_engine(
        sqlalchemy_url(url),
        pool_size=2,
        max_overflow=4,
        pool_timeout=10,
        pool_pre_ping=True,  # a restarted Postgres must not cost a delivery
        hide_parameters=True,
    )
