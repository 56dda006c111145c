"""An invocation's checkpoints: one is in flight at a time, and what queues meanwhile goes with the
next. Nobody waits for a timer, except a START whose step is still busy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from functools import partial
from typing import Any, NamedTuple, Protocol

from perdure.core.replay import Replay
from perdure.core.scope import describe
from perdure.exceptions import CheckpointError
from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    ExecutionState,
    OperationUpdate,
    PromptService,
    ServiceCallFailed,
)
from perdure.shell.waiters import Waiter

PAGE_ITEMS = 1_000
_LAZY_SECONDS = 0.05
"""How long a START may wait for company while its step runs."""
_NOTHING_NEW: ExecutionState = {}


class Listener(Protocol):
    """Who is told what comes of checkpoints. All methods are called with the lock held."""

    @property
    def takes_checkpoints(self) -> bool: ...

    def on_loop(self, call: Callable[[], object]) -> None: ...

    def soon_on_loop(self, call: Callable[[], object], context: Context) -> None: ...

    def hear(self, changed: Sequence[str]) -> None:
        """The service told of these operations."""

    def end_unwanted(self) -> None:
        """The service keeps what it was sent, and wants no more of this invocation."""

    def end_failed(self, failure: Exception) -> None:
        """A checkpoint failed for good."""

    def look_soon(self) -> None:
        """No checkpoint is in flight any more."""


class Checkpoint(NamedTuple):
    """One call, and whatever repeats it."""

    updates: list[OperationUpdate]
    client_token: str


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
        self._prompt = service if isinstance(service, PromptService) else None
        self._requests = 0
        self._waiting: deque[tuple[int, Waiter]] = deque()
        self._poll_wanted = False
        self._lazy_armed = False
        self._patient: asyncio.Task[None] | None = None
        self._landed: asyncio.Future[None] | None = None
        self.in_flight = False
        """Whether one is on its way, or about to be."""

    def request(self, waiter: Waiter | None, *, at_once: bool = False) -> None:
        """(lock) Send all that is queued now; resolve `waiter` when the service has it.

        What others queue in the same turn of the event loop goes along, unless it is to be sent
        `at_once`, from that loop.
        """
        if self.replay.queued == self.replay.kept:
            if waiter is not None:
                waiter.resolve()
            return
        if waiter is not None:
            self._waiting.append((self.replay.queued, waiter))
        self._flush_soon(at_once=at_once)

    def request_here(self, waiter: Waiter) -> Checkpoint | None:
        """(lock) As `request`, for a thread that is willing to make the call: it has to `send_here`
        what this returns, without the lock, before it waits."""
        if self.in_flight or self._prompt is None or self.replay.queued == self.replay.kept:
            self.request(waiter)
            return None
        self._waiting.append((self.replay.queued, waiter))
        self.in_flight = True
        self._poll_wanted = False
        return self._next(self.replay.take())

    def send_here(self, checkpoint: Checkpoint) -> None:
        """Make it in this thread; what it leaves to do is done on the event loop."""
        assert self._prompt is not None
        try:
            answer = self._prompt.try_checkpoint_here(
                self.replay.arn, self._token, checkpoint.updates, checkpoint.client_token
            )
            heard = self._keep_whole(checkpoint, answer)
        except Exception as error:
            self._fail(error)
            return
        with self._lock:
            if not heard:
                self._listener.on_loop(partial(self._send_patiently, checkpoint))
            elif self.replay.outbox or self._poll_wanted:
                self._listener.on_loop(self._send)
            else:
                self._land()

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
        await self._until_landed()
        with self._lock:
            if self._listener.takes_checkpoints:
                self.request(None)
        await self._until_landed()

    async def send_alone(self, update: OperationUpdate) -> None:
        """One checkpoint when all others have been made. Raises CheckpointError."""
        try:
            await self._service.checkpoint(
                self.replay.arn, self._token, [update], self._next_client_token()
            )
        except ServiceCallFailed as failure:
            raise CheckpointError(failure) from failure

    async def _until_landed(self) -> None:
        with self._lock:
            if not self.in_flight:
                return
            landed = self._landed = self._loop.create_future()
        await landed

    def _arm(self) -> None:
        self._loop.call_later(_LAZY_SECONDS, self._send_lazy)

    def _send_lazy(self) -> None:
        with self._lock:
            self._lazy_armed = False
            if self.replay.outbox and self._listener.takes_checkpoints:
                self._flush_soon()

    def _flush_soon(self, *, at_once: bool = False) -> None:
        if self.in_flight:
            return
        self.in_flight = True
        if at_once:
            self._send()
        else:
            self._listener.soon_on_loop(self._send, self._context)

    # -- on the event loop, one after the other while `in_flight` ---------------------------------

    def _send(self) -> None:
        """What is queued, if there is anything to send or to ask for."""
        with self._lock:
            updates = self.replay.take() if self._listener.takes_checkpoints else []
            if not updates and not self._poll_wanted:
                self._land()
                return
            self._poll_wanted = False
            checkpoint = self._next(updates)
        self._begin(checkpoint)

    def _begin(self, checkpoint: Checkpoint) -> None:
        try:
            began = self._prompt is not None and self._prompt.try_checkpoint(
                self.replay.arn,
                self._token,
                checkpoint.updates,
                checkpoint.client_token,
                partial(self._tried, checkpoint),
            )
        except Exception as error:
            self._fail(error)
        else:
            if not began:
                self._send_patiently(checkpoint)

    def _tried(self, checkpoint: Checkpoint, answer: CheckpointAnswer | None) -> None:
        try:
            heard = self._keep_whole(checkpoint, answer)
        except Exception as error:
            self._fail(error)
        else:
            if heard:
                self._send()
            else:
                self._send_patiently(checkpoint)

    def _send_patiently(self, checkpoint: Checkpoint) -> None:
        # Not a task of the handler, whoever asks: it outlives a cancellation.
        self._patient = self._loop.create_task(self._checkpoint(checkpoint), context=self._context)

    async def _checkpoint(self, checkpoint: Checkpoint) -> None:
        arn, updates = self.replay.arn, checkpoint.updates
        try:
            answer = await self._service.checkpoint(
                arn, self._token, updates, checkpoint.client_token
            )
            self._keep(checkpoint, await self._whole(answer))
        except ServiceCallFailed as failure:
            error = CheckpointError(failure, _telling(failure, updates))
            error.__cause__ = failure
            self._fail(error)
        except Exception as error:
            self._fail(error)
        else:
            self._send()

    async def _whole(self, answer: CheckpointAnswer) -> CheckpointAnswer:
        """With all pages of what is new."""
        state = answer.get("NewExecutionState") or {}
        token = answer.get("CheckpointToken")
        marker = state.get("NextMarker")
        if not token or not marker:
            return answer
        operations = list(state.get("Operations") or ())
        while marker:
            page = await self._service.state(self.replay.arn, token, marker, PAGE_ITEMS)
            operations.extend(page.get("Operations") or ())
            marker = page.get("NextMarker")
        return {"CheckpointToken": token, "NewExecutionState": {"Operations": operations}}

    # -- what became of it, in the thread that made the call --------------------------------------

    def _keep_whole(self, checkpoint: Checkpoint, answer: CheckpointAnswer | None) -> bool:
        """Whether a try brought all that there is to know."""
        if answer is None or (answer.get("NewExecutionState") or _NOTHING_NEW).get("NextMarker"):
            return False
        self._keep(checkpoint, answer)
        return True

    def _keep(self, checkpoint: Checkpoint, answer: CheckpointAnswer) -> None:
        """The service has it, and answered so."""
        token = answer.get("CheckpointToken")
        state = answer.get("NewExecutionState") or {}
        with self._lock:
            if token:
                self._token = token
            else:
                self._listener.end_unwanted()
            changed = self.replay.sent(len(checkpoint.updates), state.get("Operations") or ())
            self._listener.hear(changed)
            while self._waiting and self._waiting[0][0] <= self.replay.kept:
                self._waiting.popleft()[1].resolve()

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._listener.end_failed(error)
            self._land()

    def _land(self) -> None:
        """(lock) Nothing is in flight any more."""
        self.in_flight = False
        self._patient = None
        if self._landed is not None:
            self._listener.on_loop(self._tell_landed)
        self._listener.look_soon()

    def _tell_landed(self) -> None:
        if self._landed is not None and not self._landed.done():
            self._landed.set_result(None)

    def _next(self, updates: list[OperationUpdate]) -> Checkpoint:
        return Checkpoint(updates, self._next_client_token())

    def _next_client_token(self) -> str:
        self._requests += 1
        return f"{self._token[-32:]}-{self._requests}"


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
