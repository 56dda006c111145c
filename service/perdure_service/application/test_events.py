"""Test events: saved with a function, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.test_events import (
    MAX_EVENTS,
    SavedEvent,
    check_event,
    check_event_name,
)
from perdure_service.ports.clock import Clock
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.test_events import TestEvents


@dataclass(frozen=True, slots=True)
class ManageTestEvents:
    """All methods raise ResourceNotFound if there is no such function or event."""

    catalogue: FunctionCatalogue
    events: TestEvents
    addresses: ResolveFunction
    clock: Clock

    async def list_events(self, function: str) -> Sequence[SavedEvent]:
        return await self.events.list_events(await self._name(function))

    async def get(self, function: str, name: str) -> SavedEvent:
        function_name = await self._name(function)
        found = await self.events.get(function_name, check_event_name(name))
        if found is None:
            raise _missing(function_name, name)
        return found

    async def put(self, function: str, name: str, payload: bytes) -> SavedEvent:
        """Save it, in place of one of that name. Raises InvalidParameterValue unless it is JSON,
        ResourceConflict if the function has too many."""
        event = SavedEvent(check_event_name(name), check_event(payload), self.clock.now())
        await self.events.put(await self._name(function), event, at_most=MAX_EVENTS)
        return event

    async def delete(self, function: str, name: str) -> None:
        function_name = await self._name(function)
        if not await self.events.delete(function_name, check_event_name(name)):
            raise _missing(function_name, name)

    async def _name(self, function: str) -> str:
        return (await self.catalogue.function(self.addresses.parse(function).name)).name


def _missing(function_name: str, name: str) -> ResourceNotFound:
    return ResourceNotFound(f"Function '{function_name}' has no test event '{name}'.")
