"""Invoke: start an execution, or find the one that has the name, and perhaps wait for its end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from perdure_service.application.closings import Closings
from perdure_service.application.log_tails import LogTails, TailWish
from perdure_service.application.new_execution import StartRequest, new_execution
from perdure_service.application.resolve import ResolvedFunction, ResolveFunction
from perdure_service.application.served_runtimes import ServedRuntimes
from perdure_service.application.unserved_waits import KeptUnserved, UnservedWaits
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.errors import (
    ExecutionAlreadyStarted,
    InvalidParameterValue,
    RequestTooLarge,
    ResourceNotFound,
    Unavailable,
)
from perdure_service.domain.execution import Execution, ExecutionStatus, Identity, InvokeMode
from perdure_service.domain.folding import utf8_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.instant import after
from perdure_service.domain.limits import CLIENT_TOKEN_WINDOW_SECONDS, SYNC_INVOKE_SECONDS, Limits
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.shapes import runtime_error_shape
from perdure_service.ports.clock import Clock
from perdure_service.ports.log import ExecutionLog, Holder, NameLock

_NAME_TRIES = 5


@frozen
class InvokeRequest:
    """An Invoke call. `retry_id` is the SDK's own id of the call, the same when it repeats it."""

    function: str
    qualifier: str | None
    payload: str
    synchronous: bool = True
    execution_name: str | None = None
    retry_id: str | None = None
    trace_id: str | None = None
    tenant_id: str | None = None
    client_context: str | None = None
    log_tail: bool = False


@frozen
class InvokeAnswer:
    """`body` is the function's result, or with `function_error` its error; None when asynchronous
    or without a result. `execution_arn` is that of a durable execution. `log_tail` is the end of
    the last invocation's log, if the request asked for it."""

    executed_version: str
    execution_arn: str | None
    body: str | None = None
    function_error: str | None = None
    log_tail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Invoke:
    log: ExecutionLog
    resolve: ResolveFunction
    runtimes: ServedRuntimes
    unserved_waits: UnservedWaits
    closings: Closings
    clock: Clock
    limits: Limits
    tails: LogTails
    patience_seconds: float = SYNC_INVOKE_SECONDS

    async def dry_run(self, function: str, qualifier: str | None) -> None:
        """Check that the call would be accepted. Nothing starts."""
        resolved = await self.resolve(function, qualifier)
        refusal = await self.runtimes.refusal(resolved.version)
        if refusal is not None:
            raise refusal

    async def __call__(self, request: InvokeRequest) -> InvokeAnswer:
        """Start, or attach to, an execution. A synchronous call is answered when it closes, at
        most `patience_seconds` later. Raises ExecutionAlreadyStarted if the name is held by an
        execution with another payload or version, ResourceConflict if nothing is there that could
        run the function; who attaches to an execution waits for that all the same, as far as
        `UnservedWaits` sees a reason to."""
        self._check_size(request)
        resolved = await self.resolve(request.function, request.qualifier)
        with self.tails.wish() as wish:
            execution = await self._start(request, resolved, wish)
            identity = execution.identity
            answer = InvokeAnswer(identity.version, identity.arn if identity.durable else None)
            if not request.synchronous:
                return answer
            trace_member = _trace_member(resolved.version)
            try:
                closed = await self._end(execution, resolved.version.deployed)
            except KeptUnserved as kept:
                return _failed_answer(kept.error, answer, trace_member)
            answer = _closed_answer(closed, answer, trace_member)
            if request.log_tail and closed is not None:
                tail = await self.tails.tail(execution.id, closed.ledger.invocation_id)
                return replace(answer, log_tail=tail)
            return answer

    async def _end(self, execution: Execution, deployed: bool) -> Execution | None:
        """Closed, or None if it is open after the longest wait. Raises ResourceConflict,
        KeptUnserved."""
        return await self.closings.wait(
            execution.id,
            self._longest_wait_seconds(execution),
            (lambda: self.unserved_waits.check(execution.id)) if deployed else None,
        )

    async def _start(
        self, request: InvokeRequest, resolved: ResolvedFunction, wish: TailWish
    ) -> Execution:
        version, qualifier = resolved.version, resolved.qualifier
        if request.execution_name is not None and version.durable is None:
            raise InvalidParameterValue(
                f"Function '{version.function_name}' is not durable: leave out the execution name."
            )
        now = self.clock.now()
        lock = self._lock(request, resolved)
        new = new_execution(
            StartRequest(
                version=version,
                qualifier=qualifier,
                payload=request.payload,
                mode=InvokeMode.REQUEST_RESPONSE if request.synchronous else InvokeMode.EVENT,
                now=now,
                name=request.execution_name,
                lock_name=lock.name if lock else None,
                trace_id=request.trace_id,
                tenant_id=request.tenant_id,
                client_context=request.client_context,
            )
        )
        refusal = await self.runtimes.refusal(version)
        if refusal is not None and (lock is None or await self.log.holder(new, lock) is None):
            raise refusal
        if request.log_tail:
            wish.of(new.identity.id)
        for _ in range(_NAME_TRIES):
            started = await self.log.start(new, lock)
            if not isinstance(started, Holder):
                return started
            existing = await self._read_holder(started, new, lock)
            if existing is not None:
                break
        else:
            raise Unavailable("The name changes hands all the time. Repeat the same request.")
        assert lock is not None
        is_repeat = request.execution_name is None or _is_same_version(existing.identity, resolved)
        if started.payload_hash != lock.payload_hash or not is_repeat:
            raise ExecutionAlreadyStarted(existing.identity.arn)
        if request.log_tail:
            wish.of(existing.id)
        return existing

    async def _read_holder(
        self, holder: Holder, new: NewExecution, lock: NameLock | None
    ) -> Execution | None:
        """None if the name is free by now: the execution was deleted since it was found, or it is
        of a function of that name that was deleted before this one was created."""
        try:
            existing = await self.log.read(holder.execution_id)
        except ResourceNotFound:
            return None
        if existing.status is ExecutionStatus.DELETING:
            return None
        if lock is not None and await self._is_of_a_former_function(existing.identity, new):
            await self.log.free_name(new.identity, lock.name, holder.execution_id)
            return None
        return existing

    async def _is_of_a_former_function(self, identity: Identity, new: NewExecution) -> bool:
        if identity.function_version_id == new.identity.function_version_id:
            return False
        function = await self.resolve.catalogue.function(identity.function_name)
        return identity.started_at < function.created_at

    def _lock(self, request: InvokeRequest, resolved: ResolvedFunction) -> NameLock | None:
        """The name, or for an unnamed synchronous call the SDK's id of it: boto3 repeats a call
        whose answer takes over a minute, and must not start a second execution. A tilde keeps
        these apart from names."""
        payload_hash = hashlib.sha256(request.payload.encode()).digest()
        if request.execution_name is not None:
            return NameLock(request.execution_name, payload_hash)
        if request.retry_id is None or not request.synchronous:
            return None
        expires_at = after(self.clock.now(), CLIENT_TOKEN_WINDOW_SECONDS)
        target = resolved.qualifier or resolved.version.version
        return NameLock(f"~{target}~{request.retry_id}", payload_hash, expires_at)

    def _check_size(self, request: InvokeRequest) -> None:
        limits = self.limits
        limit = limits.sync_input_bytes if request.synchronous else limits.async_input_bytes
        if utf8_size(request.payload) > limit:
            raise RequestTooLarge(
                f"Request must be smaller than {limit} bytes for the "
                f"{'RequestResponse' if request.synchronous else 'Event'} invocation type: "
                "pass large data by reference."
            )

    def _longest_wait_seconds(self, execution: Execution) -> float:
        return min(self.patience_seconds, execution.identity.timeout_seconds + 5)


def _is_same_version(identity: Identity, resolved: ResolvedFunction) -> bool:
    """True as well for what the alias may have meant when the execution started."""
    if identity.function_version_id == resolved.version.id:
        return True
    return identity.version in resolved.drawn_from


def _trace_member(version: FunctionVersion) -> str:
    """What the error of a plain function calls its stack trace: its runtime's word."""
    is_node = (version.runtime or "").startswith("nodejs")
    return "trace" if is_node and version.durable is None else "stackTrace"


def _closed_answer(
    closed: Execution | None, answer: InvokeAnswer, trace_member: str
) -> InvokeAnswer:
    if closed is not None and closed.outcome is ExecutionStatus.SUCCEEDED:
        return InvokeAnswer(answer.executed_version, answer.execution_arn, closed.result)
    error = (closed.error or ErrorObject()) if closed is not None else _STILL_RUNNING
    return _failed_answer(error, answer, trace_member)


def _failed_answer(error: ErrorObject, answer: InvokeAnswer, trace_member: str) -> InvokeAnswer:
    return InvokeAnswer(
        answer.executed_version,
        answer.execution_arn,
        json.dumps(runtime_error_shape(error, trace_member)),
        "Unhandled",
    )


_STILL_RUNNING = ErrorObject(
    type="Sandbox.Timedout",
    message=f"The execution was still running after {SYNC_INVOKE_SECONDS} seconds. It goes on: "
    "read its outcome with GetDurableExecution, and start long ones with InvocationType Event.",
)
