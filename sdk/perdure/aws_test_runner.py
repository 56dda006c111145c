"""A handler on our SDK under AWS's local test runner (DurableFunctionTestRunner), unmodified: that
hands over objects of AWS's SDK, and a client of its own, instead of an event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from perdure.lambda_transport import with_seconds
from perdure.service_api import (
    CheckpointAnswer,
    InvocationEvent,
    OperationUpdate,
    ServiceCallFailed,
    StatePage,
)


def event_of(handed_over: Any) -> InvocationEvent:
    """What Lambda would have sent."""
    state = handed_over.initial_execution_state
    event = {
        "DurableExecutionArn": handed_over.durable_execution_arn,
        "CheckpointToken": handed_over.checkpoint_token,
        "InitialExecutionState": _state(state.operations, state.next_marker),
        "UpdatedOperationIds": list(handed_over.updated_operation_ids or ()),
    }
    return cast("InvocationEvent", event)


class RunnersService:
    """The runner's client as a DurableService; its calls block threads of their own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        from aws_durable_execution_sdk_python.lambda_service import OperationUpdate as Update

        parsed = [Update.from_dict(dict(update)) for update in updates]
        answer = await _called(self._client.checkpoint, arn, token, parsed, client_token)
        state = answer.new_execution_state
        return {
            "CheckpointToken": answer.checkpoint_token,
            "NewExecutionState": cast("Any", _state(state.operations, state.next_marker)),
        }

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        page = await _called(self._client.get_execution_state, arn, token, marker, max_items)
        return cast("StatePage", _state(page.operations, page.next_marker))


async def _called(call: Any, *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(call, *arguments)
    except Exception as error:
        raise ServiceCallFailed(
            str(error), status=400, code="InvalidParameterValueException"
        ) from error


def _state(operations: Sequence[Any], marker: str | None) -> dict[str, Any]:
    shown = [with_seconds(operation.to_dict()) for operation in operations]
    return {"Operations": shown, "NextMarker": marker or ""}
