"""Runs durable functions in memory, by the rules of the real service and on a clock of the test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from perdure.service_api import ErrorObject
from perdure.testing.answers import CallbackDecide, failure, success
from perdure.testing.arguments import (
    MAX_TIMEOUT_SECONDS,
    Span,
    aware,
    execution_name,
    json_of,
    seconds_of,
    whole_seconds,
)
from perdure.testing.callbacks import Callbacks
from perdure.testing.children import new_execution
from perdure.testing.clock import EPOCH, VirtualClock, as_datetime
from perdure.testing.crash_plan import CrashPoint, Side
from perdure.testing.determinism import check_replays
from perdure.testing.engine import Bounds, Engine
from perdure.testing.errors import RequestRefused
from perdure.testing.execution import DurableExecution
from perdure.testing.functions import Function, RegisteredFunction, is_durable, name_of
from perdure.testing.history_text import history_text
from perdure.testing.loops import run_here
from perdure.testing.store import Record
from perdure_service.domain.decide_callback import decide_callback_heartbeat
from perdure_service.domain.decide_pause import (
    PauseRequest,
    ResumeRequest,
    decide_pause,
    decide_resume,
)
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.errors import DomainError
from perdure_service.domain.execution import Execution, InvokeMode
from perdure_service.domain.ids import ExecutionArn, ExecutionId
from perdure_service.domain.instant import after
from perdure_service.domain.limits import MAX_EXECUTION_SECONDS, Limits, RetryPolicy
from perdure_service.domain.operations import ErrorObject as Reason
from perdure_service.domain.output import parse_error

Decide = Callable[[Execution, Moment], Decision[Any]]


class DurableTestRunner:
    """Functions, their executions, and the time that they live in.

    With `skip_time`, waits and retries pass at once; without it only `advance` moves the clock.
    `limits` and `retry_policy` are the service's; `max_executions`, `max_invocations` of
    one, and `invocation_seconds` of real time for one keep a test from running for ever.
    """

    def __init__(
        self,
        *,
        skip_time: bool = True,
        start_at: datetime = EPOCH,
        max_executions: int = 10_000,
        max_invocations: int = 1_000,
        invocation_seconds: float = 20.0,
        limits: Limits | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.clock = VirtualClock(aware(start_at))
        self._skip_time = skip_time
        self._engine = Engine(
            self.clock,
            limits or Limits(),
            retry_policy or RetryPolicy(),
            Bounds(max_executions, max_invocations, invocation_seconds),
        )
        self._callbacks = Callbacks(self._engine)
        self._names: dict[tuple[str, str], ExecutionId] = {}
        self._runs_now = False

    # Functions and executions.

    def register(
        self,
        function: Function,
        name: str | None = None,
        *,
        execution_timeout: Span = MAX_EXECUTION_SECONDS,
        timeout: Span = MAX_TIMEOUT_SECONDS,
    ) -> str:
        """Make `function` known, so that others can invoke it by name: a durable one as
        `name:$LATEST`. Anything else that takes an event and a context is a plain function.
        Returns the name, which by default is the function's own."""
        return self._register(function, name, execution_timeout, timeout).version.function_name

    def start(
        self,
        function: Function,
        input: object = None,
        *,
        name: str | None = None,
        execution_timeout: Span | None = None,
        synchronous: bool = False,
    ) -> DurableExecution:
        """An execution that has not been invoked yet: `run_on` or `advance` does that. Under the
        name of one that was started with the same input, that one. Raises RequestRefused if the
        name was used with another, or the input is too large: a `synchronous` caller may hand over,
        and be handed, 6 MiB instead of 1 MiB."""
        if not is_durable(function):
            raise TypeError(
                f"{name_of(function)} is no durable function: decorate it with @durable_execution"
            )
        found = self._engine.catalogue.find(function) or self._register(function)
        payload = json_of(input, "the input")
        self._check_size(payload, synchronous=synchronous)
        held = self._held(found, name, payload)
        if held is not None:
            return held
        new = new_execution(
            found,
            payload,
            self._engine.store.moment(),
            mode=InvokeMode.REQUEST_RESPONSE if synchronous else InvokeMode.EVENT,
            name=name if name is None else execution_name(name),
            execution_timeout_seconds=(
                None
                if execution_timeout is None
                else whole_seconds(execution_timeout, "execution_timeout")
            ),
        )
        record = self._engine.store.start(new)
        if name is not None:
            self._names[found.version.function_name, name] = record.live.id
        return DurableExecution(self, record)

    def run(
        self,
        function: Function,
        input: object = None,
        *,
        name: str | None = None,
        execution_timeout: Span | None = None,
        synchronous: bool = False,
    ) -> DurableExecution:
        """Start an execution and run it until it has ended, or waits for the outside world: a
        callback that is open, a pause."""
        execution = self.start(
            function,
            input,
            name=name,
            execution_timeout=execution_timeout,
            synchronous=synchronous,
        )
        self._go(lambda: execution.is_closed)
        return execution

    def run_on(self) -> None:
        """Run all executions until they have ended or wait for the outside world."""
        self._go(self._all_closed)

    def execution(self, arn: str) -> DurableExecution:
        """The one of that ARN. Raises RequestRefused if this runner has none."""
        return DurableExecution(self, self._record(arn))

    @property
    def executions(self) -> list[DurableExecution]:
        """In the order in which they were started, those of chained invokes too."""
        return [DurableExecution(self, record) for record in self._records()]

    # Time.

    @property
    def now(self) -> datetime:
        """The test's time, in UTC."""
        return as_datetime(self.clock.now)

    def advance(self, duration: Span) -> None:
        """Let time pass: seconds, a timedelta or a Duration. Waits end on the way, retries are
        made, callbacks and executions time out. Called by a step of a running function, it moves
        the clock only: the step took so long."""
        if self._runs_now:
            self.clock.move(seconds_of(duration))
            return
        target = after(self.clock.now, seconds_of(duration))
        self._drive(self._engine.advance(target))

    # The outside world.

    def answer_callbacks(
        self,
        name: str,
        result: object = None,
        *,
        error: str | None = None,
        after_seconds: float = 0,
    ) -> None:
        """From now on, complete every callback of that name when it has been opened for so long:
        with `result`, or if given, with `error`."""
        told = failure(error, None) if error is not None else success(result)
        self._callbacks.answer(name, told, after_seconds)

    def succeed_callback(
        self, callback_id: str, result: object = None, *, after_seconds: float = 0
    ) -> None:
        """As SendDurableExecutionCallbackSuccess. Text is sent as it is, anything else as JSON."""
        self._send(callback_id, success(result), after_seconds)

    def fail_callback(
        self,
        callback_id: str,
        message: str | None = None,
        *,
        error_type: str | None = None,
        after_seconds: float = 0,
    ) -> None:
        """As SendDurableExecutionCallbackFailure."""
        self._send(callback_id, failure(message, error_type), after_seconds)

    def heartbeat_callback(self, callback_id: str, *, after_seconds: float = 0) -> None:
        """As SendDurableExecutionCallbackHeartbeat."""
        self._send(callback_id, decide_callback_heartbeat, after_seconds)

    def pause(self, arn: str, reason: str | None = None, *, pause_timeout: bool = True) -> None:
        """As PauseDurableExecution; see DurableExecution.pause."""
        asked = PauseRequest(reason=reason, execution_timeout_paused=pause_timeout)
        self._act(arn, lambda execution, moment: decide_pause(execution, asked, moment))

    def resume(self, arn: str, reason: str | None = None) -> None:
        """As ResumeDurableExecution; all executions then run on."""
        asked = ResumeRequest(reason=reason)
        self._act(arn, lambda execution, moment: decide_resume(execution, asked, moment))
        self.run_on()

    def stop(self, arn: str, error: ErrorObject | None = None) -> None:
        """As StopDurableExecution."""
        told = parse_error(error) or Reason()
        self._act(arn, lambda execution, moment: decide_stop(execution, told, moment))

    # Crashes.

    @property
    def checkpoints(self) -> int:
        """How many the functions have made, all told."""
        return self._engine.plan.checkpoints

    def crash(self, side: str, checkpoint: int) -> None:
        """Let the invocation die that makes the `checkpoint`-th checkpoint of this runner (from 1):
        "before" the service has it, or "after", before the function hears of it. Raises ValueError
        for one that has been made."""
        if side not in set(Side):
            raise ValueError(f"a crash comes 'before' or 'after' a checkpoint, not {side!r} it")
        if checkpoint <= self.checkpoints:
            raise ValueError(
                f"checkpoint {checkpoint} will not be made: the next one of this runner is "
                f"{self.checkpoints + 1}"
            )
        self._engine.plan.points.add(CrashPoint(checkpoint, Side(side)))

    @property
    def steps_run_needlessly(self) -> list[str]:
        """Names of steps whose function ran although the service had their outcome."""
        return self._engine.runs.needless

    @property
    def steps_interrupted(self) -> int:
        """How many steps ran, or had ended untold, when an invocation crashed."""
        return self._engine.runs.interrupted

    def check_determinism(self, arn: str) -> None:
        """Replay that execution from its history. Raises NotDeterministic."""
        record = self._record(arn)
        function = self._engine.catalogue.named(record.live.identity.function_name)
        seconds = self._engine.bounds.invocation_seconds
        self._drive(check_replays(function, record, self.clock, seconds))

    # For the views.

    def invocations_of(self, id_: ExecutionId) -> int:
        return self._engine.invocations[id_]

    def runs_of(self, id_: ExecutionId, operation_id: str) -> int:
        return self._engine.runs.of_step[id_, operation_id]

    def _records(self) -> list[Record]:
        return [r for r in self._engine.store.records.values() if r.live.identity.durable]

    def _register(
        self,
        function: Function,
        name: str | None = None,
        execution_timeout: Span = MAX_EXECUTION_SECONDS,
        timeout: Span = MAX_TIMEOUT_SECONDS,
    ) -> RegisteredFunction:
        if not (callable(function) or is_durable(function)):
            raise TypeError(f"functions are registered, durable or plain ones, not {function!r}")
        return self._engine.catalogue.register(
            function,
            name or name_of(function),
            execution_timeout_seconds=whole_seconds(execution_timeout, "execution_timeout"),
            timeout_seconds=whole_seconds(timeout, "timeout", MAX_TIMEOUT_SECONDS),
            now=self.clock.now,
        )

    def _check_size(self, payload: str, *, synchronous: bool) -> None:
        limits = self._engine.limits
        limit = limits.sync_input_bytes if synchronous else limits.async_input_bytes
        if len(payload.encode()) > limit:
            raise RequestRefused(
                f"the input is larger than {limit} bytes: pass large data by reference"
            )

    def _held(
        self, function: RegisteredFunction, name: str | None, payload: str
    ) -> DurableExecution | None:
        if name is None:
            return None
        id_ = self._names.get((function.version.function_name, name))
        if id_ is None:
            return None
        record = self._engine.store.record(id_)
        if record.live.input != payload:
            raise RequestRefused(f"Execution already started: {record.live.identity.arn}")
        return DurableExecution(self, record)

    def _all_closed(self) -> bool:
        return all(record.live.is_closed for record in self._engine.store.records.values())

    def _record(self, arn: str) -> Record:
        try:
            return self._engine.store.record(ExecutionArn.parse(arn).id)
        except DomainError:
            known = "".join(f"\n  {each.live.identity.arn}" for each in self._records())
            raise RequestRefused(
                f"this runner has no execution {arn!r}; it has{known or ' none'}"
            ) from None

    def _act(self, arn: str, decide: Decide) -> None:
        record = self._record(arn)
        try:
            self._engine.store.commit(record.live.id, decide)
        except DomainError as refused:
            raise RequestRefused(f"{refused.message}\n{history_text(record)}") from None

    def _send(self, callback_id: str, decide: CallbackDecide, after_seconds: float) -> None:
        self._callbacks.send(callback_id, decide, after_seconds)
        self.run_on()

    def _go(self, until: Callable[[], bool]) -> None:
        """Called by a running function, nothing: what it caused runs when it has returned."""
        if not self._runs_now:
            self._drive(self._engine.run(until, skip_time=self._skip_time))

    def _drive(self, work: Coroutine[Any, Any, None]) -> None:
        self._runs_now = True
        try:
            run_here(work)
        finally:
            self._runs_now = False
