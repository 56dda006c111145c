"""Transactions of what is not hot, by SQLAlchemy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.domain.errors import Unavailable


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Committed at the end, rolled back by any exception. Raises Unavailable, and IntegrityError
    for whoever expects it."""
    try:
        async with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except (DBAPIError, TimeoutError) as error:
        raise Unavailable("The database cannot be reached now. Repeat the same request.") from error
