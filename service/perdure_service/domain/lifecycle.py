"""The states of an execution, and the one table of the ways between them.

`LIFECYCLE` holds what operators may ask for and what happens by itself.
`docs/reference/executions.md` is printed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.execution import ExecutionStatus


class Cause(StrEnum):
    """What moves an execution from one state to another."""

    PAUSE = "PauseDurableExecution"
    RESUME = "ResumeDurableExecution"
    STOP = "StopDurableExecution"
    DELETE = "DeleteDurableExecution"
    NOTHING_IN_FLIGHT = "no invocation in flight"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_TIME = "out of time"
    FUNCTION_DELETED = "its function deleted"


_S, _C = ExecutionStatus, Cause

LIFECYCLE: Mapping[tuple[ExecutionStatus, Cause], ExecutionStatus] = {
    (_S.RUNNING, _C.PAUSE): _S.PAUSING,
    (_S.PAUSING, _C.NOTHING_IN_FLIGHT): _S.PAUSED,
    (_S.PAUSING, _C.RESUME): _S.RUNNING,
    (_S.PAUSED, _C.RESUME): _S.RUNNING,
    (_S.RUNNING, _C.SUCCEEDED): _S.SUCCEEDED,
    (_S.PAUSING, _C.SUCCEEDED): _S.SUCCEEDED,
    (_S.RUNNING, _C.FAILED): _S.FAILED,
    (_S.PAUSING, _C.FAILED): _S.FAILED,
    (_S.RUNNING, _C.OUT_OF_TIME): _S.TIMED_OUT,
    (_S.PAUSING, _C.OUT_OF_TIME): _S.TIMED_OUT,
    (_S.PAUSED, _C.OUT_OF_TIME): _S.TIMED_OUT,
    (_S.RUNNING, _C.FUNCTION_DELETED): _S.FAILED,
    (_S.PAUSING, _C.FUNCTION_DELETED): _S.FAILED,
    (_S.PAUSED, _C.FUNCTION_DELETED): _S.FAILED,
    (_S.RUNNING, _C.STOP): _S.STOPPED,
    (_S.PAUSING, _C.STOP): _S.STOPPED,
    (_S.PAUSED, _C.STOP): _S.STOPPED,
    (_S.SUCCEEDED, _C.DELETE): _S.DELETING,
    (_S.FAILED, _C.DELETE): _S.DELETING,
    (_S.TIMED_OUT, _C.DELETE): _S.DELETING,
    (_S.STOPPED, _C.DELETE): _S.DELETING,
}

_REFUSALS: Mapping[Cause, str] = {
    _C.PAUSE: "The execution is {status} and cannot be paused: only a RUNNING one can.",
    _C.RESUME: "The execution is {status} and cannot be resumed: only a PAUSING or PAUSED one can.",
    _C.DELETE: "The execution is {status} and cannot be deleted: stop it, or wait for its end.",
}


def require_allowed(status: ExecutionStatus, asked: Cause) -> None:
    """Raises ResourceConflict if an execution in that state cannot be asked for this."""
    if (status, asked) not in LIFECYCLE:
        raise ResourceConflict(_REFUSALS[asked].format(status=status.value))
