"""What changes functions on a real database, as one replica has it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from perdure_service.ports.clock import Clock
from perdure_service.postgres.function_changes import FunctionChanges
from perdure_service.postgres.function_store import PostgresFunctionStore
from perdure_service.postgres.functions import PostgresFunctions
from tests.support.functions import ACCOUNT, REGION


def function_store(
    engine: AsyncEngine, clock: Clock, catalogue: PostgresFunctions
) -> PostgresFunctionStore:
    """Of a replica that tells no other."""
    return PostgresFunctionStore(function_changes(engine, catalogue, notifies=False), clock)


def function_changes(
    engine: AsyncEngine, catalogue: PostgresFunctions, *, notifies: bool
) -> FunctionChanges:
    return FunctionChanges(engine, ACCOUNT, REGION, catalogue.forget, notifies)
