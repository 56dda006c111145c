"""The service of an invocation, over keep-alive connections that all invocations of a process
share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, cast

from perdure.http.blocking import BlockingConnections
from perdure.http.connections import ServiceAway, ServiceConnections
from perdure.http.http1 import Answer, Fields
from perdure.http.pause import Pause
from perdure.http.refusals import refusal
from perdure.service_api import (
    CheckpointAnswer,
    OperationUpdate,
    PromptService,
    ServiceCallFailed,
    StatePage,
)
from perdure.transport.endpoint import Authorisation
from perdure.transport.requests import (
    AWAY,
    JSON,
    MAX_ANSWER_BYTES,
    NO_VERDICT,
    checkpoint_body,
    checkpoint_target,
    read_document,
    state_target,
)

PATIENCE_SECONDS: Final = 40.0
"""Longer than a service takes to restart, shorter than anybody waits for a step that hangs."""

_ATTEMPT_SECONDS: Final = 15.0


class HttpService(PromptService):
    """Implements `service_api.DurableService`.

    A call that fails in transit, or is refused for the moment, is repeated for `patience_seconds`:
    the ClientToken makes that safe. What is refused for good raises ServiceCallFailed at once.
    """

    def __init__(
        self,
        connections: ServiceConnections,
        authorisation: Authorisation,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._connections = connections
        self._blocking = BlockingConnections(connections.url, connections.tls)
        self._authorisation = authorisation
        self._patience_seconds = patience_seconds

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        body = checkpoint_body(token, updates, client_token)
        answer = await self._patiently(b"POST", checkpoint_target(arn), body)
        return cast("CheckpointAnswer", read_document(answer))

    def try_checkpoint(
        self,
        arn: str,
        token: str,
        updates: Sequence[OperationUpdate],
        client_token: str,
        heard: Callable[[CheckpointAnswer | None], object],
    ) -> bool:
        target, body = checkpoint_target(arn), checkpoint_body(token, updates, client_token)
        return self._connections.ask(
            b"POST",
            target,
            self._fields(b"POST", target, body),
            body,
            timeout_seconds=min(self._patience_seconds, _ATTEMPT_SECONDS),
            max_answer_bytes=MAX_ANSWER_BYTES,
            heard=lambda answer: heard(_checkpointed(answer)),
        )

    def try_checkpoint_here(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer | None:
        target, body = checkpoint_target(arn), checkpoint_body(token, updates, client_token)
        try:
            answer = self._blocking.exchange(
                b"POST",
                target,
                self._fields(b"POST", target, body),
                body,
                timeout_seconds=min(self._patience_seconds, _ATTEMPT_SECONDS),
                max_answer_bytes=MAX_ANSWER_BYTES,
            )
        except ServiceAway:
            return None
        return _checkpointed(answer)

    def close(self) -> None:
        """Close the connections of threads; the others belong to who made them."""
        self._blocking.close()

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        target = state_target(arn, token, marker, max_items)
        answer = await self._patiently(b"GET", target, b"")
        return cast("StatePage", read_document(answer))

    async def _patiently(self, method: bytes, target: bytes, body: bytes) -> Answer:
        answer = await self._once(method, target, body, self._patience_seconds)
        if isinstance(answer, Answer):
            return answer
        now = asyncio.get_running_loop().time
        deadline = now() + self._patience_seconds
        pause = Pause()
        while now() + pause.seconds < deadline:
            await pause.sleep()
            answer = await self._once(method, target, body, deadline - now())
            if isinstance(answer, Answer):
                return answer
        raise answer

    async def _once(
        self, method: bytes, target: bytes, body: bytes, seconds: float
    ) -> Answer | ServiceCallFailed:
        """The answer, or why there is none yet."""
        try:
            answer = await self._connections.exchange(
                method,
                target,
                self._fields(method, target, body),
                body,
                timeout_seconds=min(seconds, _ATTEMPT_SECONDS),
                max_answer_bytes=MAX_ANSWER_BYTES,
            )
        except ServiceAway as error:
            return ServiceCallFailed(str(error))
        if answer.status == 200 or answer.status not in AWAY | NO_VERDICT:
            return answer
        refused = refusal(answer)
        if refused.concerns_key:
            return answer
        # No status: it was no word on this call, and the invocation may be tried again.
        return ServiceCallFailed(f"{refused.message} (status {answer.status})", code=refused.code)

    def _fields(self, method: bytes, target: bytes, body: bytes) -> Fields:
        return (*JSON, *self._authorisation.fields(method, target, body))


def _checkpointed(answer: Answer | None) -> CheckpointAnswer | None:
    """What a try brought; None if the call has to be repeated to know."""
    if answer is None or answer.status != 200:
        return None
    try:
        return cast("CheckpointAnswer", read_document(answer))
    except ServiceCallFailed:
        return None
