"""Between the dictionaries of Lambda's API and the domain: the rules of the model on the way in,
Lambda's shapes on the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from perdure import service_api
from perdure.service_api import CheckpointAnswer, ServiceCallFailed, StatePage
from perdure_service.domain.errors import (
    CallbackTimeout,
    DomainError,
    InvalidParameterValue,
    ResourceConflict,
    ResourceNotFound,
)
from perdure_service.domain.instant import epoch_seconds
from perdure_service.domain.limits import MAX_CALLBACK_TIMEOUT_SECONDS, MAX_DELAY_SECONDS
from perdure_service.domain.operations import Action, OperationType, OperationUpdate
from perdure_service.domain.output import parse_error
from perdure_service.domain.shapes import operation_shape
from perdure_service.domain.views import OperationPage

_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_NAME = re.compile(r"[\x20-\x7E]{1,256}")
_SUB_TYPE = re.compile(r"[a-zA-Z0-9-_]{1,32}")

_CODES: Mapping[type[DomainError], tuple[int, str]] = {
    ResourceNotFound: (404, "ResourceNotFoundException"),
    ResourceConflict: (409, "ResourceConflictException"),
    CallbackTimeout: (400, "CallbackTimeoutException"),
}


def parse_updates(
    updates: Sequence[service_api.OperationUpdate],
) -> list[OperationUpdate]:
    """Raises InvalidParameterValue for what Lambda's model forbids."""
    return [_parse_update(update) for update in updates]


def _parse_update(body: service_api.OperationUpdate) -> OperationUpdate:
    step, wait = body.get("StepOptions"), body.get("WaitOptions") or {}
    callback, chained = body.get("CallbackOptions") or {}, body.get("ChainedInvokeOptions") or {}
    return OperationUpdate(
        id=_matching(_ID, "id", body.get("Id")),
        type=OperationType(_one_of(OperationType, "type", body.get("Type"))),
        action=Action(_one_of(Action, "action", body.get("Action"))),
        parent_id=_optional(_ID, "parentId", body.get("ParentId")),
        name=_optional(_NAME, "name", body.get("Name")),
        sub_type=_optional(_SUB_TYPE, "subType", body.get("SubType")),
        payload=_text("payload", body.get("Payload")),
        error=parse_error(body.get("Error")),
        replay_children=(body.get("ContextOptions") or {}).get("ReplayChildren"),
        has_step_options=step is not None,
        step_delay_seconds=_within(
            1,
            MAX_DELAY_SECONDS,
            "nextAttemptDelaySeconds",
            (step or {}).get("NextAttemptDelaySeconds"),
        ),
        wait_seconds=_within(1, MAX_DELAY_SECONDS, "waitSeconds", wait.get("WaitSeconds")),
        callback_timeout_seconds=_within(
            0, MAX_CALLBACK_TIMEOUT_SECONDS, "timeoutSeconds", callback.get("TimeoutSeconds")
        ),
        callback_heartbeat_seconds=_within(
            0,
            MAX_CALLBACK_TIMEOUT_SECONDS,
            "heartbeatTimeoutSeconds",
            callback.get("HeartbeatTimeoutSeconds"),
        ),
        function_name=chained.get("FunctionName"),
        tenant_id=chained.get("TenantId"),
    )


def _matching(pattern: re.Pattern[str], member: str, value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _invalid(member, value, f"satisfy regular expression pattern: {pattern.pattern}")
    return value


def _optional(pattern: re.Pattern[str], member: str, value: object) -> str | None:
    return None if value is None else _matching(pattern, member, value)


def _text(member: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _invalid(member, value, "be a string")
    return value


def _one_of(enum: type[OperationType] | type[Action], member: str, value: object) -> str:
    if not isinstance(value, str) or value not in tuple(enum):
        raise _invalid(member, value, f"satisfy enum value set: [{', '.join(enum)}]")
    return value


def _within(least: int, most: int, member: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _invalid(member, value, f"be a whole number from {least} to {most}")
    return value


def _invalid(member: str, value: object, constraint: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"1 validation error detected: Value {value!r:.200} at 'updates.{member}' failed to "
        f"satisfy constraint: Member must {constraint}"
    )


def checkpoint_answer(
    page: OperationPage, next_marker: str | None, token: str | None
) -> CheckpointAnswer:
    state: dict[str, Any] = dict(state_page(page, next_marker, None))
    answer: dict[str, Any] = {"NewExecutionState": state}
    if token is not None:
        answer["CheckpointToken"] = token
    return cast("CheckpointAnswer", answer)


def state_page(
    page: OperationPage, next_marker: str | None, execution_input: str | None
) -> StatePage:
    operations = [
        operation_shape(operation, page.upto.now, epoch_seconds, execution_input)
        for operation in page.operations
    ]
    state: dict[str, Any] = {"Operations": operations}
    if next_marker is not None:
        state["NextMarker"] = next_marker
    return cast("StatePage", state)


def refusal(error: DomainError) -> ServiceCallFailed:
    status, code = _CODES.get(type(error), (400, "InvalidParameterValueException"))
    return ServiceCallFailed(error.message, status=status, code=code)
