"""`AsyncClient.callbacks`."""

from __future__ import annotations

from typing import Any

from perdure.client.asynchronous.runner import AsyncRunner
from perdure.client.requests import callbacks
from perdure.client.results.error_object import ErrorObject


class AsyncCallbacks:
    """What somebody outside tells an execution. Raises CallbackTimedOut once that is over."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def succeed(
        self, callback_id: str, result: Any = None, *, payload: bytes | None = None
    ) -> None:
        """Complete it with a result. `payload` goes as it is, in place of `result` as JSON."""
        await self._runner.do(callbacks.succeed(callback_id, result, payload=payload))

    async def fail(self, callback_id: str, error: ErrorObject | None = None) -> None:
        """Complete it with an error."""
        await self._runner.do(callbacks.fail(callback_id, error))

    async def heartbeat(self, callback_id: str) -> None:
        """Say that whoever is to complete it is still at it."""
        await self._runner.do(callbacks.heartbeat(callback_id))
