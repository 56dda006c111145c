"""An execution as a test looks at it, and acts on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from perdure.exceptions import SerDesError
from perdure.serdes import deserialize
from perdure.service_api import ErrorObject
from perdure.testing.arguments import Span
from perdure.testing.clock import as_datetime
from perdure.testing.errors import NoSuchOperation, UnexpectedOutcome
from perdure.testing.history_text import history_text
from perdure.testing.store import Record
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.operations import Operation, OperationType
from perdure_service.domain.shapes import error_shape, event_shape

if TYPE_CHECKING:
    from perdure.testing.runner import DurableTestRunner


def decoded(text: str | None) -> Any:
    """What the text says in JSON; the text itself if that is none."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def as_written_by_the_sdk(text: str | None) -> Any:
    """The value whose text that is, if the SDK's own serdes wrote it."""
    if text is None:
        return None
    try:
        return deserialize(None, text, "", "")
    except SerDesError:
        return decoded(text)


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as it is now. `result` is the value, unless a serdes of your own wrote it, and
    `result_text` the text as it is stored; of
    an operation that failed, `error` tells why. `runs` counts how often a step's function ran to
    its end, also when the service never heard of it; `attempts` those that it knows."""

    id: str
    name: str | None
    type: str
    sub_type: str | None
    status: str
    parent_id: str | None
    attempts: int
    runs: int
    result: Any
    result_text: str | None
    error: ErrorObject | None
    started_at: datetime
    ended_at: datetime | None


class CallbackHandle:
    """A callback, and the outside world that completes it. The execution then runs on."""

    def __init__(self, runner: DurableTestRunner, operation: OperationView, id_: str) -> None:
        self._runner = runner
        self.operation = operation
        self.callback_id = id_

    def succeed(self, result: object = None, *, after_seconds: float = 0) -> None:
        """Text is sent as it is, anything else as JSON. Later, if so: what happens until then may
        be a timeout. Raises RequestRefused if the callback is no longer open."""
        self._runner.succeed_callback(self.callback_id, result, after_seconds=after_seconds)

    def fail(
        self,
        message: str | None = None,
        *,
        error_type: str | None = None,
        after_seconds: float = 0,
    ) -> None:
        """The other side has failed. Raises RequestRefused if the callback is no longer open."""
        self._runner.fail_callback(
            self.callback_id, message, error_type=error_type, after_seconds=after_seconds
        )

    def heartbeat(self, *, after_seconds: float = 0) -> None:
        """Restart the heartbeat timeout."""
        self._runner.heartbeat_callback(self.callback_id, after_seconds=after_seconds)


class DurableExecution:
    """Always tells the newest state."""

    def __init__(self, runner: DurableTestRunner, record: Record) -> None:
        self._runner = runner
        self._record = record

    def __repr__(self) -> str:
        live = self._record.live
        return f"<DurableExecution of {live.identity.function_name}: {live.status}>"

    @property
    def arn(self) -> str:
        """As Lambda writes it."""
        return self._record.live.identity.arn

    @property
    def name(self) -> str:
        """What it was started under; its id if that was nothing."""
        return self._record.live.identity.name

    @property
    def status(self) -> str:
        """RUNNING, PAUSING, PAUSED, SUCCEEDED, FAILED, TIMED_OUT or STOPPED."""
        return self._record.live.status.value

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, however that was."""
        return self._record.live.is_closed

    @property
    def result(self) -> Any:
        """What the function returned. Raises UnexpectedOutcome, with the history, unless it
        succeeded."""
        live = self._record.live
        if live.outcome is not ExecutionStatus.SUCCEEDED:
            raise UnexpectedOutcome(f"the execution is {self.status}, {self._why()}\n{self.text}")
        return decoded(live.result)

    @property
    def error(self) -> ErrorObject:
        """Why it failed, timed out or was stopped. Raises UnexpectedOutcome, with the history, if
        it did not."""
        live = self._record.live
        if live.outcome in (None, ExecutionStatus.SUCCEEDED):
            raise UnexpectedOutcome(f"the execution is {self.status}, {self._why()}\n{self.text}")
        return _error(live.error) or {}

    @property
    def outcome(self) -> tuple[str, str | None, ErrorObject | None]:
        """Its status, the text of its result and its error without a stack trace: to be compared
        with that of another run."""
        live = self._record.live
        error = _error(live.error)
        if error is not None:
            error.pop("StackTrace", None)
        return self.status, live.result, error

    @property
    def invocations(self) -> int:
        """How often the function was invoked for it."""
        return self._runner.invocations_of(self._record.live.id)

    @property
    def operations(self) -> list[OperationView]:
        """In the order in which they began."""
        found = sorted(self._record.live.operations.values(), key=lambda each: each.sequence)
        return [self._view(operation) for operation in found]

    def operation(self, name: str, index: int | None = None) -> OperationView:
        """The one of that name. If there are several, `index` says which, in the order in which
        they began. Raises NoSuchOperation."""
        return self._find(name, index, None)

    def step(self, name: str, index: int | None = None) -> OperationView:
        """A step, or the polls of a wait_for_condition."""
        return self._find(name, index, OperationType.STEP)

    def wait(self, name: str, index: int | None = None) -> OperationView:
        """A wait."""
        return self._find(name, index, OperationType.WAIT)

    def context(self, name: str, index: int | None = None) -> OperationView:
        """A child context: of run_in_child_context, map, parallel, or of a branch of these."""
        return self._find(name, index, OperationType.CONTEXT)

    def invoke(self, name: str, index: int | None = None) -> OperationView:
        """The invoke of another function."""
        return self._find(name, index, OperationType.CHAINED_INVOKE)

    def callback(self, name: str, index: int | None = None) -> CallbackHandle:
        """One that create_callback or wait_for_callback opened. That of wait_for_callback goes by
        the name given to wait_for_callback, too."""
        return self._handle(self._callback_view(name, index))

    @property
    def open_callbacks(self) -> list[CallbackHandle]:
        """Those that somebody outside may complete now."""
        return [
            self._handle(view)
            for view in self.operations
            if view.type == OperationType.CALLBACK and view.status == "STARTED"
        ]

    def history(self, *, include_data: bool = True) -> list[dict[str, Any]]:
        """The events, in the shape of GetDurableExecutionHistory; times are epoch seconds."""
        return [event_shape(event, include_data=include_data) for event in self._record.log]

    @property
    def text(self) -> str:
        """The history for people to read."""
        return history_text(self._record)

    def check_determinism(self) -> None:
        """Replay all that has happened, twice, and on other days. Raises NotDeterministic, which
        names what a replay did that the first run had not done."""
        self._runner.check_determinism(self.arn)

    def pause(self, reason: str | None = None, *, pause_timeout: bool = True) -> None:
        """As PauseDurableExecution: `pause_timeout` stops the execution's own timeout, too."""
        self._runner.pause(self.arn, reason, pause_timeout=pause_timeout)

    def resume(self, reason: str | None = None) -> None:
        """As ResumeDurableExecution; it then runs on."""
        self._runner.resume(self.arn, reason)

    def stop(self, error: ErrorObject | None = None) -> None:
        """As StopDurableExecution."""
        self._runner.stop(self.arn, error)

    def advance(self, duration: Span) -> None:
        """Let time pass, for all executions of the runner: seconds, a timedelta or a Duration."""
        self._runner.advance(duration)

    def run_on(self) -> None:
        """Run until it has ended or waits for the outside world."""
        self._runner.run_on()

    def _why(self) -> str:
        live = self._record.live
        if live.error is not None:
            return f"with {live.error.type or 'an error'}: {live.error.message}"
        if live.is_closed:
            return f"with the result {live.result}"
        waits = [
            f"{view.type} '{view.name or view.id}'"
            for view in self.operations
            if view.status in ("STARTED", "PENDING") and view.type != OperationType.CONTEXT
        ]
        return f"waiting for {', '.join(waits)}" if waits else "waiting for nothing"

    def _find(self, name: str, index: int | None, type_: OperationType | None) -> OperationView:
        return self._only(
            f"{type_ or 'operation'} '{name}'",
            index,
            lambda view: view.name == name and (type_ is None or view.type == type_),
        )

    def _callback_view(self, name: str, index: int | None) -> OperationView:
        contexts = {view.id for view in self.operations if view.name == name}
        return self._only(
            f"callback '{name}'",
            index,
            lambda view: (
                view.type == OperationType.CALLBACK
                and (view.name == name or view.parent_id in contexts)
            ),
        )

    def _only(
        self, what: str, index: int | None, fits: Callable[[OperationView], bool]
    ) -> OperationView:
        views = self.operations
        found = [view for view in views if fits(view)]
        if index is not None and -len(found) <= index < len(found):
            return found[index]
        if len(found) == 1 and index is None:
            return found[0]
        if len(found) > 1 and index is None:
            problem = f"there are {len(found)}: say which with `index`"
        else:
            known = sorted({f"{view.type} '{view.name}'" for view in views if view.name})
            problem = f"there are {len(found)}; the execution has {', '.join(known) or 'none'}"
        raise NoSuchOperation(f"no single {what}: {problem}\n{self.text}")

    def _handle(self, view: OperationView) -> CallbackHandle:
        operation = self._record.live.operations.get(view.id)
        assert operation is not None
        assert operation.callback_id is not None
        return CallbackHandle(self._runner, view, operation.callback_id)

    def _view(self, operation: Operation) -> OperationView:
        live = self._record.live
        return OperationView(
            id=operation.id,
            name=operation.name,
            type=operation.type.value,
            sub_type=operation.sub_type,
            status=operation.status_at(live.effective_now(self._runner.clock.now)).value,
            parent_id=operation.parent_id,
            attempts=operation.attempt,
            runs=self._runner.runs_of(live.id, operation.id),
            result=as_written_by_the_sdk(operation.result),
            result_text=operation.result,
            error=_error(operation.error),
            started_at=as_datetime(operation.started_at),
            ended_at=as_datetime(operation.ended_at) if operation.ended_at is not None else None,
        )


def _error(error: Any) -> ErrorObject | None:
    return None if error is None else cast("ErrorObject", error_shape(error))
