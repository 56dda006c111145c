"""Durable executions, and how their functions were called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from perdure.client.errors import (
    ExecutionStopped,
    ExecutionTimedOut,
    FunctionFailed,
    NotDurable,
)
from perdure.client.results.error_object import ErrorObject, error_object
from perdure.client.results.wire import iso_moment, moment, optional_moment, payload_value


class ExecutionStatus(StrEnum):
    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"
    DELETING = "DELETING"

    @property
    def is_open(self) -> bool:
        return self in _OPEN


_OPEN = frozenset({ExecutionStatus.RUNNING, ExecutionStatus.PAUSING, ExecutionStatus.PAUSED})


@dataclass(frozen=True, slots=True)
class DurableConfig:
    """`execution_timeout_seconds` is how long an execution may last, waits included."""

    execution_timeout_seconds: int | None = None
    retention_days: int | None = None

    def to_wire(self) -> dict[str, int]:
        shape = {
            "ExecutionTimeout": self.execution_timeout_seconds,
            "RetentionPeriodInDays": self.retention_days,
        }
        return {name: value for name, value in shape.items() if value is not None}


def durable_config(shape: Mapping[str, Any] | None) -> DurableConfig | None:
    if shape is None:
        return None
    return DurableConfig(shape.get("ExecutionTimeout"), shape.get("RetentionPeriodInDays"))


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a synchronous call was answered. A failure is raised instead, as FunctionFailed."""

    payload: bytes
    executed_version: str | None
    execution_arn: str | None
    log_tail: str | None

    @property
    def value(self) -> Any:
        """The payload as the JSON that it is, else as text."""
        return payload_value(self.payload.decode("utf-8", "replace") or None)


@dataclass(frozen=True, slots=True)
class Started:
    """What an asynchronous call was answered. A plain function has no `execution_arn`."""

    execution_arn: str | None
    executed_version: str | None

    @property
    def arn(self) -> str:
        """The execution's ARN. Raises NotDurable if the function is a plain one."""
        if self.execution_arn is None:
            raise NotDurable(
                "The function is not durable: its asynchronous invocations leave no execution."
            )
        return self.execution_arn


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """One line of a list."""

    arn: str
    name: str
    function_arn: str
    status: ExecutionStatus
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    requested_at: datetime
    execution_timeout_paused: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """Without data, `input`, `result` and `error` are None. `times_out_at` is told while open."""

    arn: str
    name: str
    function_arn: str
    version: str | None
    status: ExecutionStatus
    started_at: datetime
    ended_at: datetime | None
    times_out_at: datetime | None
    input: str | None
    result: str | None
    error: ErrorObject | None
    pause: Pause | None
    durable: DurableConfig | None

    @property
    def input_value(self) -> Any:
        return payload_value(self.input)

    @property
    def result_value(self) -> Any:
        return payload_value(self.result)

    def outcome(self) -> Any:
        """The result, as the JSON that it is. Raises FunctionFailed, or the kind of it that fits,
        unless it succeeded."""
        if self.status is ExecutionStatus.SUCCEEDED:
            return self.result_value
        failure = _FAILURES.get(self.status, FunctionFailed)
        error = self.error
        if error is None or error == ErrorObject():
            error = ErrorObject(message=f"The execution is {self.status}, and told no error.")
        raise failure(error, self.arn)


_FAILURES = {
    ExecutionStatus.TIMED_OUT: ExecutionTimedOut,
    ExecutionStatus.STOPPED: ExecutionStopped,
}


def execution(shape: Mapping[str, Any]) -> Execution:
    return Execution(
        arn=shape["DurableExecutionArn"],
        name=shape["DurableExecutionName"],
        function_arn=shape["FunctionArn"],
        version=shape.get("Version"),
        status=ExecutionStatus(shape["Status"]),
        started_at=moment(shape["StartTimestamp"]),
        ended_at=optional_moment(shape, "EndTimestamp"),
        times_out_at=optional_moment(shape, "ExpectedExecutionTimeoutTimestamp"),
        input=shape.get("InputPayload"),
        result=shape.get("Result"),
        error=error_object(shape.get("Error")),
        pause=_pause(shape.get("PauseDetails")),
        durable=durable_config(shape.get("DurableConfig")),
    )


def execution_summary(shape: Mapping[str, Any]) -> ExecutionSummary:
    return ExecutionSummary(
        arn=shape["DurableExecutionArn"],
        name=shape["DurableExecutionName"],
        function_arn=shape["FunctionArn"],
        status=ExecutionStatus(shape["Status"]),
        started_at=moment(shape["StartTimestamp"]),
        ended_at=optional_moment(shape, "EndTimestamp"),
    )


def execution_line(shape: Mapping[str, Any]) -> ExecutionSummary:
    """As Perdure's own list spells it."""
    ended_at = shape["ended_at"]
    return ExecutionSummary(
        arn=shape["arn"],
        name=shape["name"],
        function_arn=shape["arn"].partition("/durable-execution/")[0],
        status=ExecutionStatus(shape["status"]),
        started_at=iso_moment(shape["started_at"]),
        ended_at=None if ended_at is None else iso_moment(ended_at),
    )


def _pause(shape: Mapping[str, Any] | None) -> Pause | None:
    if shape is None:
        return None
    return Pause(
        moment(shape["PauseRequestTimestamp"]),
        shape.get("ExecutionTimeoutPaused", True),
        shape.get("Reason"),
    )
