"""The agent's side of the worker protocol: one method per call, no repeats, no state."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from perdure.http.connections import ServiceAway, ServiceConnections
from perdure.http.http1 import Answer, Fields, field
from perdure.worker.invocation import (
    Invocation,
    InvocationId,
    MalformedDelivery,
    Result,
    decode_deliveries,
)
from perdure.worker.offer import Offer
from perdure.worker.pool import Pool

_CALL_SECONDS = 10.0
_CODE_SECONDS = 120.0
_RESULT_SECONDS = 30.0
_HEARTBEAT_SECONDS = 5.0
_POLL_SLACK_SECONDS = 10.0
_INTERPRETER_CHARACTERS = 256
_DELIVERY_BYTES = 8 * 1024 * 1024
_JSON: Fields = ((b"content-type", b"application/json"),)
_POLL: Fields = ((b"content-type", b"application/vnd.perdure.poll"),)
_BYTES: Fields = ((b"content-type", b"application/octet-stream"),)


_NO_RESULTS: Mapping[InvocationId, Result] = {}


class UnknownWorker(Exception):
    """The service does not know this worker (it was restarted on other data): register."""


class ServiceRefused(Exception):
    """The service understood and said no; repeating the call would change nothing."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}" if error_type else message)
        self.status = status
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True, slots=True)
class DurableConfig:
    execution_timeout_seconds: int
    retention_days: int


@dataclass(frozen=True, slots=True)
class FunctionRegistration:
    """`durable` is None for a plain function, `code_sha256` for code that is too large."""

    name: str
    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int
    runtime: str
    handler: str
    code_sha256: str | None
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """All that a worker serves; `pool_concurrency` are the slots of each deployed function.
    `replaces` are workers that have died."""

    functions: Sequence[FunctionRegistration]
    pools: Sequence[Pool] = ()
    pool_concurrency: int = 0
    replaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RegisteredFunction:
    name: str
    arn: str
    code_missing: bool


@dataclass(frozen=True, slots=True)
class Registered:
    heartbeat_seconds: float
    functions: tuple[RegisteredFunction, ...]


class ServiceClient:
    """Every method raises ServiceAway, UnknownWorker or ServiceRefused unless it says less."""

    def __init__(self, connections: ServiceConnections, worker_id: str) -> None:
        self._connections = connections
        self._worker_id = worker_id
        self._worker = b"/v1/workers/%b" % quote(worker_id, safe="").encode()

    @property
    def service(self) -> str:
        return str(self._connections.url)

    async def register(
        self,
        registration: Registration,
        held: Collection[InvocationId],
        *,
        host: str,
        pid: int,
    ) -> Registered:
        """Say what is served here and what runs; invocations not in `held` are given up."""
        body: dict[str, Any] = {
            "WorkerId": self._worker_id,
            "Host": host,
            "Pid": pid,
            "Functions": [_registration(function) for function in registration.functions],
            "Held": list(held),
        }
        if registration.replaces:
            body["Replaces"] = list(registration.replaces)
        if registration.pools:
            body["Pools"] = [_pool(pool) for pool in registration.pools]
            body["PoolConcurrency"] = registration.pool_concurrency
        answer = await self._call_json(b"POST", b"/v1/workers", body, _CALL_SECONDS)
        return _registered(answer)

    async def put_code(self, sha256: str, content: bytes) -> None:
        await self._call(b"PUT", _code(sha256), _BYTES, content, _CODE_SECONDS)

    async def get_code(self, sha256: str) -> bytes:
        """Raises ServiceRefused with status 404 if the service has no such code."""
        answer = await self._exchange(
            b"GET", _code(sha256), (), b"", _CODE_SECONDS, max_answer_bytes=2 * 64 * 1024 * 1024
        )
        if answer.status != 200:
            raise _refusal(answer)
        return answer.body

    async def poll(
        self,
        offer: Offer,
        confirm: Collection[InvocationId],
        wait_seconds: int,
        results: Mapping[InvocationId, Result] = _NO_RESULTS,
    ) -> list[Invocation]:
        """Take up to what is offered, waiting for the first invocation. The service has the
        `results`, which must be small, when this returns."""
        document: dict[str, Any] = {
            "Free": dict(offer.functions),
            "Confirm": list(confirm),
            "WaitSeconds": wait_seconds,
        }
        if offer.pool is not None:
            document["PoolFree"] = {
                "Total": offer.pool.total,
                "Functions": dict(offer.pool.functions),
            }
        fields, body = _JSON, b""
        if results:
            document["Results"] = [
                {"InvocationId": id_, "Outcome": result.outcome} for id_, result in results.items()
            ]
            fields, body = _POLL, b"".join(_frame(result.body) for result in results.values())
        head = json.dumps(document).encode()
        answer = await self._call(
            b"POST",
            self._worker + b"/poll",
            fields,
            _frame(head) + body if results else head,
            wait_seconds + _POLL_SLACK_SECONDS,
            max_answer_bytes=(offer.total + 1) * _DELIVERY_BYTES,
        )
        try:
            return decode_deliveries(answer.body)
        except MalformedDelivery as error:
            raise ServiceAway(str(error)) from error

    async def report(self, invocation_id: InvocationId, result: Result) -> None:
        target = self._worker + b"/invocations/%b/result" % quote(invocation_id, safe="").encode()
        fields = (*_BYTES, (b"perdure-outcome", result.outcome.encode()))
        if result.log_tail is not None:
            fields = (*fields, (b"perdure-log-tail", b64encode(result.log_tail)))
        await self._call(b"POST", target, fields, result.body, _RESULT_SECONDS)

    async def heartbeat(self, held: Collection[InvocationId]) -> None:
        target = self._worker + b"/heartbeat"
        await self._call_json(b"POST", target, {"Held": list(held)}, _HEARTBEAT_SECONDS)

    async def ship_logs(self, batch: bytes) -> None:
        """Send lines that functions wrote: JSON, see LogShipper."""
        await self._call(b"POST", self._worker + b"/logs", _JSON, batch, _RESULT_SECONDS)

    async def leave(self) -> None:
        await self._call(b"DELETE", self._worker, (), b"", _HEARTBEAT_SECONDS)

    async def _call_json(
        self, method: bytes, target: bytes, body: Mapping[str, Any], timeout_seconds: float
    ) -> dict[str, Any]:
        answer = await self._call(method, target, _JSON, json.dumps(body).encode(), timeout_seconds)
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise ServiceAway(f"{self.service} answered something else than JSON") from error
        if not isinstance(document, dict):
            raise ServiceAway(f"{self.service} answered something else than a JSON object")
        return document

    async def _call(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes,
        timeout_seconds: float,
        *,
        max_answer_bytes: int = 1024 * 1024,
    ) -> Answer:
        answer = await self._exchange(
            method, target, fields, body, timeout_seconds, max_answer_bytes=max_answer_bytes
        )
        if 200 <= answer.status < 300:
            return answer
        refusal = _refusal(answer)
        if answer.status == 404:
            raise UnknownWorker(str(refusal))
        raise refusal

    async def _exchange(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes,
        timeout_seconds: float,
        *,
        max_answer_bytes: int,
    ) -> Answer:
        answer = await self._connections.exchange(
            method,
            target,
            fields,
            body,
            timeout_seconds=timeout_seconds,
            max_answer_bytes=max_answer_bytes,
        )
        if answer.status >= 500 or answer.status in (408, 429):
            raise ServiceAway(f"{self.service} answered {answer.status}: {_refusal(answer)}")
        return answer


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _code(sha256: str) -> bytes:
    return b"/v1/code/%b" % quote(sha256, safe="").encode()


def _registration(function: FunctionRegistration) -> dict[str, Any]:
    durable = function.durable
    return {
        "FunctionName": function.name,
        "DurableConfig": durable
        and {
            "ExecutionTimeout": durable.execution_timeout_seconds,
            "RetentionPeriodInDays": durable.retention_days,
        },
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "CodeSha256": function.code_sha256,
        "DeadLetterConfig": {"TargetArn": function.dead_letter or ""},
    }


def _pool(pool: Pool) -> dict[str, str]:
    shown = pool.interpreter[:_INTERPRETER_CHARACTERS]
    return {"Runtime": pool.runtime.name, "Interpreter": shown}


def _registered(document: Mapping[str, Any]) -> Registered:
    try:
        return Registered(
            heartbeat_seconds=float(document["HeartbeatSeconds"]),
            functions=tuple(
                RegisteredFunction(
                    name=function["FunctionName"],
                    arn=function["FunctionArn"],
                    code_missing=bool(function["CodeMissing"]),
                )
                for function in document["Functions"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceAway(f"The service's answer to a registration is incomplete: {error}") from (
            error
        )


def _refusal(answer: Answer) -> ServiceRefused:
    error_type = (field(answer.fields, b"x-amzn-errortype") or b"").decode("latin-1")
    try:
        document = json.loads(answer.body)
        message = document.get("Message") or document.get("message") or str(document)
    except (ValueError, AttributeError):
        message = answer.body[:200].decode("utf-8", "replace") or f"status {answer.status}"
    return ServiceRefused(answer.status, error_type.partition(":")[0], message)
