"""`AsyncClient.test_events`."""

from __future__ import annotations

from typing import Any

from perdure.client.asynchronous.runner import AsyncRunner
from perdure.client.requests import test_events
from perdure.client.results.saved_events import SavedEvent, SavedEventSummary


class AsyncTestEvents:
    """Payloads that Perdure keeps with a function, to invoke it with."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def list(self, function: str) -> tuple[SavedEventSummary, ...]:
        """Those of a function, by name."""
        return await self._runner.do(test_events.find(function))

    async def get(self, function: str, name: str) -> SavedEvent:
        """One event, with its payload."""
        return await self._runner.do(test_events.get(function, name))

    async def save(
        self, function: str, name: str, event: Any = None, *, payload: bytes | None = None
    ) -> SavedEvent:
        """Keep it, in place of one of that name. `payload` goes as it is, in place of `event` as
        JSON."""
        return await self._runner.do(test_events.save(function, name, event, payload=payload))

    async def delete(self, function: str, name: str) -> None:
        """Take one away."""
        await self._runner.do(test_events.delete(function, name))
