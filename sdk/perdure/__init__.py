"""Perdure: AWS Lambda durable functions, self-hosted. This package is what users import and run.

    from perdure import DurableContext, StepContext, durable_execution

`perdure.config`, `perdure.retries`, `perdure.waits` and `perdure.exceptions` have what operations
are configured with and what they raise. `perdure.worker` runs handlers for a service,
`perdure.cli` is the command line. Importing `perdure` loads none of these: a name is loaded when
it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.async_context import AsyncCallback, AsyncDurableContext
    from perdure.concurrency.models import (
        BatchCompletionError,
        BatchItem,
        BatchResult,
        CompletionReason,
    )
    from perdure.config import (
        BatchItemStatus,
        CompletionDecision,
        CompletionItemStatus,
        CompletionOutcome,
        CompletionStatus,
        Duration,
        ParallelBranch,
        complete_batch,
        continue_batch,
    )
    from perdure.context import (
        Callback,
        DurableContext,
        durable_parallel_branch,
        durable_step,
        durable_wait_for_callback,
        durable_with_child_context,
    )
    from perdure.exceptions import (
        CallbackError,
        CallbackExternalError,
        CallbackSubmitterError,
        CallbackTimeoutError,
        ChildContextError,
        ConcurrentOperationsError,
        DurableExecutionsError,
        DurableExecutionWarning,
        DurableOperationError,
        ExecutionError,
        InvocationError,
        InvokeError,
        NonDeterministicExecutionError,
        OperationCancelledError,
        OperationInStepError,
        PayloadTooLargeError,
        PluginLoadError,
        RetryableSerDesError,
        SerDesError,
        StepError,
        ValidationError,
        WaitForConditionError,
    )
    from perdure.execution import DurableFunction, durable_execution
    from perdure.retries import WithRetryConfig, with_retry
    from perdure.types import StepContext

_MODULES = {
    "perdure.async_context": ("AsyncCallback", "AsyncDurableContext"),
    "perdure.concurrency.models": (
        "BatchCompletionError",
        "BatchItem",
        "BatchResult",
        "CompletionReason",
    ),
    "perdure.config": (
        "BatchItemStatus",
        "CompletionDecision",
        "CompletionItemStatus",
        "CompletionOutcome",
        "CompletionStatus",
        "Duration",
        "ParallelBranch",
        "complete_batch",
        "continue_batch",
    ),
    "perdure.context": (
        "Callback",
        "DurableContext",
        "durable_parallel_branch",
        "durable_step",
        "durable_wait_for_callback",
        "durable_with_child_context",
    ),
    "perdure.exceptions": (
        "CallbackError",
        "CallbackExternalError",
        "CallbackSubmitterError",
        "CallbackTimeoutError",
        "ChildContextError",
        "ConcurrentOperationsError",
        "DurableExecutionWarning",
        "DurableExecutionsError",
        "DurableOperationError",
        "ExecutionError",
        "InvocationError",
        "InvokeError",
        "NonDeterministicExecutionError",
        "OperationCancelledError",
        "OperationInStepError",
        "PayloadTooLargeError",
        "PluginLoadError",
        "RetryableSerDesError",
        "SerDesError",
        "StepError",
        "ValidationError",
        "WaitForConditionError",
    ),
    "perdure.execution": ("DurableFunction", "durable_execution"),
    "perdure.retries": ("WithRetryConfig", "with_retry"),
    "perdure.types": ("StepContext",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsyncCallback",
    "AsyncDurableContext",
    "BatchCompletionError",
    "BatchItem",
    "BatchItemStatus",
    "BatchResult",
    "Callback",
    "CallbackError",
    "CallbackExternalError",
    "CallbackSubmitterError",
    "CallbackTimeoutError",
    "ChildContextError",
    "CompletionDecision",
    "CompletionItemStatus",
    "CompletionOutcome",
    "CompletionReason",
    "CompletionStatus",
    "ConcurrentOperationsError",
    "DurableContext",
    "DurableExecutionWarning",
    "DurableExecutionsError",
    "DurableFunction",
    "DurableOperationError",
    "Duration",
    "ExecutionError",
    "InvocationError",
    "InvokeError",
    "NonDeterministicExecutionError",
    "OperationCancelledError",
    "OperationInStepError",
    "ParallelBranch",
    "PayloadTooLargeError",
    "PluginLoadError",
    "RetryableSerDesError",
    "SerDesError",
    "StepContext",
    "StepError",
    "ValidationError",
    "WaitForConditionError",
    "WithRetryConfig",
    "__version__",
    "complete_batch",
    "continue_batch",
    "durable_execution",
    "durable_parallel_branch",
    "durable_step",
    "durable_wait_for_callback",
    "durable_with_child_context",
    "with_retry",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("perdure")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'perdure' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "__version__"})
