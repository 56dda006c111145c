"""Rates of calls: a bucket of tokens for each operation that has a rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from fastapi import Request

from perdure_service.api.asgi import Answer
from perdure_service.api.hot import Endpoint, Exchange, HotRoutes
from perdure_service.domain.errors import TooManyRequests

_REASON = "CallerRateLimitExceeded"


class Bucket:
    """Lets `per_second` calls through, and as many at once as a second's worth; at least one."""

    __slots__ = ("_burst", "_filled_at", "_left", "per_second")

    def __init__(self, per_second: float, now: float) -> None:
        self.per_second = per_second
        self._burst = self._left = max(1.0, per_second)
        self._filled_at = now

    def take(self, now: float) -> float:
        """0 if the call may pass, else after how many seconds one may."""
        left = min(self._burst, self._left + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        if left < 1.0:
            self._left = left
            return (1.0 - left) / self.per_second
        self._left = left - 1.0
        return 0.0


class Throttle:
    """The calls of all callers of this process, by Lambda's name of the operation. An operation
    without a rate is not limited."""

    def __init__(
        self, rates: Mapping[str, float], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._buckets = {name: Bucket(per_second, now()) for name, per_second in rates.items()}

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def take(self, operation: str) -> None:
        """Raises TooManyRequests, with the time to wait, if the operation is over its rate."""
        bucket = self._buckets.get(operation)
        if bucket is None:
            return
        wait_seconds = bucket.take(self._now())
        if wait_seconds > 0:
            raise TooManyRequests(
                f"Rate exceeded: this service takes {bucket.per_second:g} {operation} calls a "
                "second. Repeat the same request later.",
                reason=_REASON,
                retry_after_seconds=math.ceil(wait_seconds),
            )

    async def check(self, request: Request) -> None:
        """For routes of FastAPI, whose summaries are the names of their operations."""
        self.take(request.scope["route"].summary)


class ThrottledRoutes:
    """Hot routes whose calls are counted. Nothing of a refused request is read."""

    def __init__(self, hot: HotRoutes, throttle: Throttle) -> None:
        self._hot = hot
        self._throttle = throttle
        self._operations: Mapping[Endpoint, str] = {
            hot.checkpoint: "CheckpointDurableExecution",
            hot.state: "GetDurableExecutionState",
            hot.invoke: "Invoke",
        }

    def find(self, method: str, path: bytes) -> tuple[Endpoint, tuple[bytes, ...]] | None:
        found = self._hot.find(method, path)
        if found is None or found[0] not in self._operations:
            return found
        endpoint, names = found
        operation = self._operations[endpoint]

        async def limited(exchange: Exchange) -> Answer:
            self._throttle.take(operation)
            return await endpoint(exchange)

        return limited, names
