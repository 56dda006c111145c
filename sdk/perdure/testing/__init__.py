"""Tests for durable functions, without a server: the service's own rules, in memory, on a clock
that the test moves.

    runner        DurableTestRunner: functions, executions, time, the outside world
    execution     what a test sees of an execution, and does to it
    crashes       a crash at every point
    determinism   replays that must do the same again
    (perdure.pytest_plugin has the fixture `durable`, and shows histories when a test fails)

    engine        the dispatcher and the scheduler, one thing after the other
    invocations   what a handler is handed, and what comes back
    real_time     what becomes of a handler that never ends
    loops         the event loop that all this runs on
    service       DurableService, in memory
    store         the executions
"""

from __future__ import annotations

from perdure.testing.crashes import CrashRun, crash_everywhere
from perdure.testing.errors import (
    CrashChangedOutcome,
    DurableTestFailure,
    InvocationHung,
    NoSuchOperation,
    NotDeterministic,
    RequestRefused,
    TooManyInvocations,
    UnexpectedOutcome,
)
from perdure.testing.execution import CallbackHandle, DurableExecution, OperationView
from perdure.testing.runner import DurableTestRunner

__all__ = [
    "CallbackHandle",
    "CrashChangedOutcome",
    "CrashRun",
    "DurableExecution",
    "DurableTestFailure",
    "DurableTestRunner",
    "InvocationHung",
    "NoSuchOperation",
    "NotDeterministic",
    "OperationView",
    "RequestRefused",
    "TooManyInvocations",
    "UnexpectedOutcome",
    "crash_everywhere",
]
