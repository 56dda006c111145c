"""An invocation's checkpoints: one is in flight at a time, and what queues meanwhile goes with the
next. Nobody waits for a timer, except a START whose step is still busy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any, Protocol

from perdure.core.replay import Replay
from perdure.core.scope import describe
from perdure.exceptions import CheckpointError
from perdure.service_api import DurableService, Operation, OperationUpdate, ServiceCallFailed
from perdure.shell.waiters import Waiter

PAGE_ITEMS = 1_000
_LAZY_SECONDS = 0.05
"""How long a START may wait for company while its step runs."""


class Listener(Protocol):
    """Who is told what comes of checkpoints. All methods are called with the lock held."""

    @property
    def takes_checkpoints(self) -> bool: ...

    def on_loop(self, call: Callable[[], object]) -> None: ...

    def hear(self, changed: Sequence[str]) -> None:
        """The service told of these operations."""

    def end_unwanted(self) -> None:
        """The service keeps what it was sent, and wants no more of this invocation."""

    def end_failed(self, failure: Exception) -> None:
        """A checkpoint failed for good."""

    def look_soon(self) -> None:
        """No checkpoint is in flight any more."""


class Checkpoints:
    """Sends what programs queue. Methods marked (lock) are called with the invocation's lock held.

    `replay` is set before the first call.
    """

    replay: Replay

    def __init__(
        self,
        service: DurableService,
        token: str,
        loop: asyncio.AbstractEventLoop,
        listener: Listener,
        lock: AbstractContextManager[Any],
        context: Context,
    ) -> None:
        self._service = service
        self._token = token
        self._loop = loop
        self._listener = listener
        self._lock = lock
        self._context = context
        self._step_begins: Callable[[], object] | None = getattr(service, "step_begins", None)
        """What the testing kit counts steps with."""
        self._requests = 0
        self._waiting: deque[tuple[int, Waiter]] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._poll_wanted = False
        self._lazy_armed = False

    @property
    def in_flight(self) -> bool:
        return self._flushing is not None

    def request(self, waiter: Waiter | None) -> None:
        """(lock) Send all that is queued now; resolve `waiter` when the service has it."""
        if self.replay.queued == self.replay.kept:
            if waiter is not None:
                waiter.resolve()
            return
        if waiter is not None:
            self._waiting.append((self.replay.queued, waiter))
        self._flush_soon()

    def poll(self) -> None:
        """(lock) Ask the service what is new, with whatever is queued."""
        self._poll_wanted = True
        self._flush_soon()

    def send_soon(self) -> None:
        """(lock) The function of a step begins: what is queued may wait a little for more, but not
        for long."""
        if self._step_begins is not None:
            self._step_begins()
        if not self._lazy_armed and self.replay.outbox:
            self._lazy_armed = True
            self._listener.on_loop(self._arm)

    def give_up(self, error: BaseException) -> None:
        """(lock) Nobody's checkpoint is waited for any more."""
        waiting, self._waiting = self._waiting, deque()
        for _, waiter in waiting:
            waiter.resolve(error)

    async def drain(self) -> None:
        """Send what is left, and wait for what is in flight."""
        await self._landed()
        with self._lock:
            if self._listener.takes_checkpoints:
                self.request(None)
        await self._landed()

    async def send_alone(self, update: OperationUpdate) -> None:
        """One checkpoint when all others have been made. Raises CheckpointError."""
        try:
            await self._checkpoint([update])
        except ServiceCallFailed as failure:
            raise CheckpointError(failure) from failure

    async def _landed(self) -> None:
        while self._flushing is not None:
            await asyncio.wait([self._flushing])

    def _arm(self) -> None:
        self._loop.call_later(_LAZY_SECONDS, self._send_lazy)

    def _send_lazy(self) -> None:
        with self._lock:
            self._lazy_armed = False
            if self.replay.outbox and self._listener.takes_checkpoints:
                self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._listener.on_loop(self._begin_flush)

    def _begin_flush(self) -> None:
        if self._flushing is None:
            # Not a task of the handler, whoever asks: it outlives a cancellation.
            self._flushing = self._loop.create_task(self._flush(), context=self._context)

    async def _flush(self) -> None:
        updates: list[OperationUpdate] = []
        try:
            while True:
                with self._lock:
                    updates = self.replay.take() if self._listener.takes_checkpoints else []
                    if not updates and not self._poll_wanted:
                        return
                    self._poll_wanted = False
                answered = await self._checkpoint(updates)
                with self._lock:
                    changed = self.replay.sent(len(updates), answered)
                    self._listener.hear(changed)
                    while self._waiting and self._waiting[0][0] <= self.replay.kept:
                        self._waiting.popleft()[1].resolve()
        except ServiceCallFailed as failure:
            error = CheckpointError(failure, _telling(failure, updates))
            error.__cause__ = failure
            with self._lock:
                self._listener.end_failed(error)
        except Exception as error:
            with self._lock:
                self._listener.end_failed(error)
        finally:
            with self._lock:
                self._flushing = None
                self._listener.look_soon()

    async def _checkpoint(self, updates: Sequence[OperationUpdate]) -> list[Operation]:
        """The operations that the service answers with, all pages of them."""
        self._requests += 1
        client_token = f"{self._token[-32:]}-{self._requests}"
        answer = await self._service.checkpoint(self.replay.arn, self._token, updates, client_token)
        state = answer.get("NewExecutionState") or {}
        operations = list(state.get("Operations") or ())
        token = answer.get("CheckpointToken")
        if not token:
            if not any(update["Type"] == "EXECUTION" for update in updates):
                with self._lock:
                    self._listener.end_unwanted()
            return operations
        self._token = token
        marker = state.get("NextMarker")
        while marker:
            page = await self._service.state(self.replay.arn, token, marker, PAGE_ITEMS)
            operations.extend(page.get("Operations") or ())
            marker = page.get("NextMarker")
        return operations


def _telling(failure: ServiceCallFailed, updates: Sequence[OperationUpdate]) -> str:
    """Without an answer, what could not be kept; a refusal says itself what it is about."""
    if failure.status is not None or not updates:
        return failure.message
    last = updates[-1]
    what = describe(last["Type"], last.get("SubType") or "", last.get("Name"))
    others = len({update["Id"] for update in updates}) - 1
    more = f" and {others} more" if others else ""
    return (
        f"What became of {what}{more} could not be kept: {failure.message}. The execution is good: "
        "another invocation goes on from what the service has."
    )
