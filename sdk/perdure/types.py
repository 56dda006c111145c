"""What handlers and steps are given, and the shapes that they may rely on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

C_contra = TypeVar("C_contra", contravariant=True)


class LoggerInterface(Protocol):
    """What `set_logger` takes; a logging.Logger is one."""

    def debug(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None: ...

    def info(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None: ...

    def warning(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None: ...

    def error(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None: ...

    def exception(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class OperationContext:
    """`logger` writes with the operation's name and attempt."""

    logger: LoggerInterface


@dataclass(frozen=True, slots=True)
class StepContext(OperationContext):
    """What a step's function is given. `attempt` counts from 1; `logger` writes with the step's
    name and attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class WaitForCallbackContext(OperationContext):
    """What a submitter is given, besides the callback's id."""


@dataclass(frozen=True, slots=True)
class WaitForConditionCheckContext(OperationContext):
    """What a check is given, besides the state. `attempt` counts from 1."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What `context.execution_context` tells: `durable_execution_arn`."""

    durable_execution_arn: str


class SummaryGenerator(Protocol[C_contra]):
    """Makes a short text of a result that is too large to keep."""

    def __call__(self, result: C_contra) -> str: ...


class LambdaContext(Protocol):
    """Lambda's own context object, as `context.lambda_context`."""

    aws_request_id: str
    log_group_name: str | None = None
    log_stream_name: str | None = None
    function_name: str | None = None
    memory_limit_in_mb: str | None = None
    function_version: str | None = None
    invoked_function_arn: str | None = None
    tenant_id: str | None = None
    client_context: Any | None = None
    identity: Any | None = None

    def get_remaining_time_in_millis(self) -> int: ...

    def log(self, msg: object) -> None: ...


_ARN = re.compile(
    r"arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:/]+):[^:/]+/durable-execution/([^/]+)/([^/]+)"
)


@dataclass(frozen=True, slots=True)
class DurableExecutionArn:
    """What an execution's ARN is made of: function, execution name and the execution's own id."""

    function_name: str
    execution_name: str
    invocation_id: str

    @classmethod
    def from_arn(cls, arn: str) -> DurableExecutionArn | None:
        """The parts of an ARN; None if it is not that of an execution."""
        parts = _ARN.fullmatch(arn)
        return cls(*parts.groups()) if parts else None


def __getattr__(name: str) -> object:
    """The classes that AWS's SDK has protocols for, under the same names."""
    if name == "BatchResult":
        from perdure.concurrency.models import BatchResult

        return BatchResult
    if name in ("Callback", "DurableContext"):
        from perdure import context

        return getattr(context, name)
    raise AttributeError(f"module 'perdure.types' has no attribute {name!r}")
