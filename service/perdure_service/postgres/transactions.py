"""Transactions of what is not hot, by SQLAlchemy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.domain.errors import Unavailable


class BrokenConstraint(Exception):
    """A constraint of the schema, by its name. Postgres' own text shows the whole row, and with it
    what is secret."""


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Committed at the end, rolled back by any exception. Raises Unavailable, BrokenConstraint."""
    try:
        async with engine.begin() as connection:
            yield connection
    except IntegrityError as error:
        diagnosis = getattr(error.orig, "diag", None)
        raise BrokenConstraint(getattr(diagnosis, "constraint_name", None)) from None
    except (DBAPIError, TimeoutError) as error:
        raise Unavailable("The database cannot be reached now. Repeat the same request.") from error
