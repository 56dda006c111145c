"""The function version that an execution runs is deleted."""

from __future__ import annotations

from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution, Identity
from perdure_service.domain.ids import function_arn
from perdure_service.domain.operations import ErrorObject


def decide_version_deleted(execution: Execution, moment: Moment) -> Decision[bool]:
    """An open execution fails, whatever it waits for, and True is answered. An invocation in flight
    may still end, and can change nothing."""
    if execution.is_closed:
        return nothing(execution, False)
    draft = Draft(execution, moment)
    draft.close(EventType.EXECUTION_FAILED, error=function_not_found(execution.identity))
    return draft.settle(True)


def function_not_found(identity: Identity) -> ErrorObject:
    arn = function_arn(identity.account, identity.region, identity.function_name, identity.version)
    return ErrorObject(type="ResourceNotFoundException", message=f"Function not found: {arn}")
