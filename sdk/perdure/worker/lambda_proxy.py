"""The Lambda API as runtimes see it: the service's, with its absences smoothed over.

A runtime must not learn that the service restarts, and must never take a passing refusal for a
verdict: AWS's SDKs turn 401, 403, 404 and 409 on a checkpoint into a failed execution.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Final

from perdure.http.connections import ServiceAway, ServiceConnections
from perdure.http.http1 import Answer, Request, end_to_end
from perdure.http.pause import Pause
from perdure.http.refusals import refusal

PATIENCE_SECONDS: Final = 40.0
"""Below the 50 s after which SDKs give a call up."""

_ATTEMPT_SECONDS = 15.0
_LONGEST_CALL_SECONDS = 905.0
"""A synchronous invoke may take 900 s."""
_AWAY = frozenset({502, 503, 504})
_NO_VERDICT = frozenset({401, 403, 404, 409})
_DURABLE_PROGRESS = re.compile(rb"/2025-12-01/durable-executions/.+/(?:checkpoint|state)(?:\?|$)")


def carries_progress(request: Request) -> bool:
    """Whether it is a checkpoint or reads the state: calls that an execution depends on, short
    ones, and safe to repeat (each checkpoint has its ClientToken)."""
    return _DURABLE_PROGRESS.match(request.target) is not None


class LambdaProxy:
    """Hands requests to the service. Shared by all runtimes of the agent."""

    def __init__(
        self, connections: ServiceConnections, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._connections = connections
        self._patience_seconds = patience_seconds

    async def forward(self, request: Request) -> Answer:
        """The service's answer, or a 503 of our own; never raises for a service that is away."""
        if carries_progress(request):
            return await self._patiently(request)
        try:
            return await self._once(request, _LONGEST_CALL_SECONDS, repeatable=False)
        except ServiceAway as error:
            return _unavailable(str(error))

    async def _patiently(self, request: Request) -> Answer:
        now = asyncio.get_running_loop().time
        deadline = now() + self._patience_seconds
        pause = Pause()
        while True:
            left = deadline - now()
            try:
                answer = await self._once(request, min(left, _ATTEMPT_SECONDS), repeatable=True)
            except ServiceAway as error:
                reason = str(error)
            else:
                if answer.status in _NO_VERDICT:
                    return _unavailable(f"the service answered {answer.status}")
                if answer.status not in _AWAY or refusal(answer).concerns_key:
                    return answer
                reason = f"the service answered {answer.status}"
            if now() + pause.seconds >= deadline:
                return _unavailable(reason)
            await pause.sleep()

    async def _once(self, request: Request, timeout_seconds: float, *, repeatable: bool) -> Answer:
        fields = tuple(pair for pair in end_to_end(request.fields) if pair[0] != b"host")
        answer = await self._connections.exchange(
            request.method,
            request.target,
            fields,
            request.body,
            timeout_seconds=timeout_seconds,
            repeatable=repeatable,
        )
        return Answer(answer.status, end_to_end(answer.fields), answer.body)


def _unavailable(reason: str) -> Answer:
    message = f"Perdure's service is away: {reason}. Try again."
    return Answer(
        503,
        ((b"content-type", b"application/json"), (b"x-amzn-errortype", b"ServiceException")),
        json.dumps({"Type": "Service", "Message": message}).encode(),
    )
