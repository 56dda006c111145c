"""Handlers written for AWS's SDK, in the same tests: `durable.run(aws_function(handler), event)`.

AWS's SDK runs a handler in threads and takes about a tenth of a second for an invocation. It is
imported when this module is: `pip install perdure[lambda]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from aws_durable_execution_sdk_python.execution import (
    DurableExecutionInvocationInput,
    DurableExecutionInvocationInputWithClient,
)
from aws_durable_execution_sdk_python.lambda_service import LambdaClient
from botocore.exceptions import ClientError

from perdure.service_api import (
    DurableService,
    InvocationEvent,
    InvocationOutput,
    OperationUpdate,
    ServiceCallFailed,
)

Handler = Callable[[Any, Any], MutableMapping[str, Any]]


class AwsFunction:
    """Stands for a handler that AWS's `durable_execution` has decorated."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.__name__ = getattr(handler, "__name__", "handler")

    async def invoke(
        self, event: InvocationEvent, service: DurableService, lambda_context: Any
    ) -> InvocationOutput:
        """One invocation, in a thread; its calls of the service are made on this loop."""
        client = _Client(service, asyncio.get_running_loop())
        parsed = DurableExecutionInvocationInput.from_json_dict(dict(event))
        with_client = DurableExecutionInvocationInputWithClient(
            durable_execution_arn=parsed.durable_execution_arn,
            checkpoint_token=parsed.checkpoint_token,
            initial_execution_state=parsed.initial_execution_state,
            updated_operation_ids=parsed.updated_operation_ids,
            service_client=LambdaClient(client=cast("Any", client)),
        )
        output = await asyncio.to_thread(self._handler, with_client, lambda_context)
        return cast("InvocationOutput", dict(output))


def aws_function(handler: Handler) -> AwsFunction:
    """For `run`, `start` and `register`: what a handler of our SDK is by itself."""
    return AwsFunction(handler)


class _Client:
    """The two methods of boto3's Lambda client that AWS's SDK calls."""

    def __init__(self, service: DurableService, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop

    def checkpoint_durable_execution(
        self,
        *,
        DurableExecutionArn: str,
        CheckpointToken: str,
        Updates: Sequence[Mapping[str, Any]],
        ClientToken: str = "",
    ) -> dict[str, Any]:
        call = self._service.checkpoint(
            DurableExecutionArn,
            CheckpointToken,
            cast("Sequence[OperationUpdate]", Updates),
            ClientToken,
        )
        return self._answer("CheckpointDurableExecution", call)

    def get_durable_execution_state(
        self, *, DurableExecutionArn: str, CheckpointToken: str, Marker: str, MaxItems: int
    ) -> dict[str, Any]:
        call = self._service.state(DurableExecutionArn, CheckpointToken, Marker, MaxItems)
        return self._answer("GetDurableExecutionState", call)

    def _answer(self, operation: str, call: Any) -> dict[str, Any]:
        try:
            answer = asyncio.run_coroutine_threadsafe(call, self._loop).result()
        except ServiceCallFailed as error:
            raise ClientError(
                {
                    "Error": {"Code": error.code or "ServiceException", "Message": error.message},
                    "ResponseMetadata": cast("Any", {"HTTPStatusCode": error.status or 503}),
                },
                operation,
            ) from None
        return cast("dict[str, Any]", _with_datetimes(answer))


def _with_datetimes(value: Any, name: str = "") -> Any:
    """As boto3 gives them: every member whose name says that it is a timestamp."""
    match value:
        case dict():
            return {key: _with_datetimes(member, key) for key, member in value.items()}
        case list():
            return [_with_datetimes(member) for member in value]
        case int() | float() if name.endswith("Timestamp"):
            return datetime.fromtimestamp(value, UTC)
        case _:
            return value
