"""What one runtime process and its supervisor tell each other, in turn.

    runtime      next() ............ waits ............ finish()      next() ...
    supervisor           asked()            deliver()  -> result      asked()

The runtime's side is called by the Runtime API server, the supervisor's by `Child`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from perdure.worker.invocation import Invocation, Outcome, Result


class InvalidStateTransition(Exception):
    """The runtime asked for work while it still had some; nothing was done."""


class InvalidRequestId(Exception):
    """The runtime answered an invocation that it does not have; nothing was done."""


@dataclass(frozen=True, slots=True)
class _InHand:
    invocation: Invocation
    result: asyncio.Future[Result]


class RuntimeSession:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._delivery: asyncio.Future[Invocation] | None = None
        self._in_hand: _InHand | None = None
        self.asked: asyncio.Future[None] = self._loop.create_future()
        """Done once the runtime waits in next(); a new one after each delivery."""
        self.init_failed: asyncio.Future[bytes] = self._loop.create_future()
        """The error JSON of a runtime that could not load its handler."""

    # The runtime's side.

    async def next(self) -> Invocation:
        """Wait for work, for ever. Raises InvalidStateTransition."""
        if self._in_hand is not None:
            raise InvalidStateTransition("Post the result of the invocation in hand first")
        if self._delivery is not None:
            self._delivery.cancel()  # it asks again on another connection: the newest counts
        self._delivery = self._loop.create_future()
        if not self.asked.done():
            self.asked.set_result(None)
        return await self._delivery

    def finish(self, request_id: str, outcome: Outcome, body: bytes) -> None:
        """Take the result of the invocation in hand. Raises InvalidRequestId."""
        in_hand = self._in_hand
        if in_hand is None or in_hand.invocation.id != request_id:
            raise InvalidRequestId(f"No invocation {request_id} is in hand")
        self._in_hand = None
        if not in_hand.result.done():
            in_hand.result.set_result(Result(outcome, body))

    def fail_init(self, body: bytes) -> None:
        if not self.init_failed.done():
            self.init_failed.set_result(body)

    # The supervisor's side.

    def deliver(self, invocation: Invocation) -> asyncio.Future[Result]:
        """Hand work to a runtime that has asked for it; the future is its result."""
        delivery = self._delivery
        assert delivery is not None
        assert not delivery.done()
        self._delivery = None
        self.asked = self._loop.create_future()
        self._in_hand = _InHand(invocation, self._loop.create_future())
        delivery.set_result(invocation)
        return self._in_hand.result
