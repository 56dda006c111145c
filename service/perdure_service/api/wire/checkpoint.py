"""CheckpointDurableExecution and GetDurableExecutionState, to and from the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Required

from pydantic import Field, TypeAdapter
from pydantic_core import to_json
from typing_extensions import TypedDict

from perdure_service.api.wire.text import (
    CheckpointTokenText,
    ClientToken,
    DelaySeconds,
    ErrorObjectBody,
    FunctionReference,
    OperationId,
    OperationName,
    OperationPayload,
    OperationSubType,
    TenantId,
    TraceId,
    error_object,
    parse_json,
)
from perdure_service.application.checkpoint import StateAnswer
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import epoch_seconds
from perdure_service.domain.limits import MAX_CALLBACK_TIMEOUT_SECONDS
from perdure_service.domain.operations import Action, OperationType, OperationUpdate
from perdure_service.domain.shapes import operation_shape

_MAX_UPDATES = 10_000
"""Above what any execution can hold; a bound on the errors that one body can cause."""

CallbackSeconds = Annotated[int, Field(ge=0, le=MAX_CALLBACK_TIMEOUT_SECONDS)]


class ContextOptions(TypedDict, total=False):
    ReplayChildren: bool | None


class StepOptions(TypedDict, total=False):
    NextAttemptDelaySeconds: DelaySeconds | None


class WaitOptions(TypedDict, total=False):
    WaitSeconds: DelaySeconds | None


class CallbackOptions(TypedDict, total=False):
    TimeoutSeconds: CallbackSeconds | None
    HeartbeatTimeoutSeconds: CallbackSeconds | None


class ChainedInvokeOptions(TypedDict, total=False):
    FunctionName: Required[FunctionReference]
    TenantId: TenantId | None
    XAmznTraceId: TraceId | None


class OperationUpdateBody(TypedDict, total=False):
    Id: Required[OperationId]
    Type: Required[OperationType]
    Action: Required[Action]
    ParentId: OperationId | None
    Name: OperationName | None
    SubType: OperationSubType | None
    Payload: OperationPayload | None
    Error: ErrorObjectBody | None
    ContextOptions: ContextOptions | None
    StepOptions: StepOptions | None
    WaitOptions: WaitOptions | None
    CallbackOptions: CallbackOptions | None
    ChainedInvokeOptions: ChainedInvokeOptions | None


class CheckpointBody(TypedDict, total=False):
    CheckpointToken: Required[CheckpointTokenText]
    Updates: Annotated[list[OperationUpdateBody], Field(max_length=_MAX_UPDATES)] | None
    ClientToken: ClientToken | None


CHECKPOINT_BODY: TypeAdapter[CheckpointBody] = TypeAdapter(CheckpointBody)


@frozen
class CheckpointRequest:
    token: str
    updates: Sequence[OperationUpdate]
    client_token: str | None


def parse_checkpoint(body: bytes) -> CheckpointRequest:
    """Raises InvalidParameterValue with all that breaks the model."""
    parsed = parse_json(CHECKPOINT_BODY, body)
    return CheckpointRequest(
        token=parsed["CheckpointToken"],
        updates=[_update(update) for update in parsed.get("Updates") or ()],
        client_token=parsed.get("ClientToken"),
    )


def checkpoint_answer(answer: StateAnswer) -> bytes:
    shape: dict[str, Any] = {"NewExecutionState": _state(answer)}
    if answer.token is not None:
        shape["CheckpointToken"] = answer.token
    return to_json(shape)


def state_answer(answer: StateAnswer) -> bytes:
    return to_json(_state(answer))


def _state(answer: StateAnswer) -> dict[str, Any]:
    seen_at = answer.page.upto.now
    state: dict[str, Any] = {
        "Operations": [
            operation_shape(operation, seen_at, epoch_seconds, answer.execution_input)
            for operation in answer.page.operations
        ]
    }
    if answer.next_marker is not None:
        state["NextMarker"] = answer.next_marker
    return state


def _update(body: OperationUpdateBody) -> OperationUpdate:
    error = body.get("Error")
    update = OperationUpdate(
        id=body["Id"],
        type=body["Type"],
        action=body["Action"],
        parent_id=body.get("ParentId"),
        name=body.get("Name"),
        sub_type=body.get("SubType"),
        payload=body.get("Payload"),
        error=error_object(error) if error is not None else None,
        **_options(body),
    )
    return update


def _options(body: OperationUpdateBody) -> dict[str, Any]:
    """The options that are there; most updates have none."""
    options: dict[str, Any] = {}
    if context := body.get("ContextOptions"):
        options["replay_children"] = context.get("ReplayChildren")
    step = body.get("StepOptions")
    if step is not None:
        options["has_step_options"] = True
        options["step_delay_seconds"] = step.get("NextAttemptDelaySeconds")
    if wait := body.get("WaitOptions"):
        options["wait_seconds"] = wait.get("WaitSeconds")
    if callback := body.get("CallbackOptions"):
        options["callback_timeout_seconds"] = callback.get("TimeoutSeconds")
        options["callback_heartbeat_seconds"] = callback.get("HeartbeatTimeoutSeconds")
    if chained := body.get("ChainedInvokeOptions"):
        options["function_name"] = chained["FunctionName"]
        options["tenant_id"] = chained.get("TenantId")
        options["trace_id"] = chained.get("XAmznTraceId")
    return options
