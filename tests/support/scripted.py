"""A durable function for the tests of the testing kit: it speaks to the service without an SDK."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, cast

from perdure.service_api import (
    DurableService,
    InvocationEvent,
    InvocationOutput,
    OperationUpdate,
    ServiceCallFailed,
)


class Suspended(Exception):
    """There is nothing more to do in this invocation."""


class Script:
    """What a script does its work with: one operation after the other, by name."""

    def __init__(self, event: InvocationEvent, service: DurableService) -> None:
        self._arn = event["DurableExecutionArn"]
        self._token = event["CheckpointToken"]
        self._service = service
        operations = cast("list[dict[str, Any]]", event["InitialExecutionState"]["Operations"])
        self.operations: dict[str, dict[str, Any]] = {each["Id"]: each for each in operations}
        self.input = json.loads(operations[0]["ExecutionDetails"]["InputPayload"])

    async def checkpoint(self, *updates: dict[str, Any]) -> None:
        answer = await self._service.checkpoint(
            self._arn,
            self._token,
            cast("list[OperationUpdate]", list(updates)),
            uuid.uuid4().hex,
        )
        for operation in cast("list[dict[str, Any]]", answer["NewExecutionState"]["Operations"]):
            self.operations[operation["Id"]] = operation
        token = answer.get("CheckpointToken")
        if token is None:
            raise Suspended
        self._token = token

    async def step(
        self, name: str, work: Callable[[], object] = lambda: 1, retry_seconds: int | None = None
    ) -> Any:
        """Its result goes to the service together with its start. A failure is retried."""
        known = self.operations.get(name, {"Status": None})
        if known["Status"] == "SUCCEEDED":
            return json.loads(known["StepDetails"]["Result"])
        if known["Status"] == "PENDING":
            raise Suspended
        update = {"Id": name, "Name": name, "Type": "STEP", "SubType": "Step"}
        start = [] if known["Status"] == "STARTED" else [{**update, "Action": "START"}]
        try:
            result = work()
        except Exception as error:
            told = {"ErrorType": type(error).__name__, "ErrorMessage": str(error)}
            retry = {"Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": retry_seconds}}
            await self.checkpoint(*start, {**update, **retry, "Error": told})
            raise Suspended from error
        payload = json.dumps(result)
        await self.checkpoint(*start, {**update, "Action": "SUCCEED", "Payload": payload})
        return result

    async def wait(self, name: str, seconds: int) -> None:
        await self._open(name, "WAIT", WaitOptions={"WaitSeconds": seconds})

    async def callback(self, name: str, **options: int) -> dict[str, Any]:
        return await self._open(name, "CALLBACK", CallbackOptions=options)

    async def invoke(self, name: str, function: str, payload: object) -> dict[str, Any]:
        options = {"FunctionName": function}
        return await self._open(
            name, "CHAINED_INVOKE", Payload=json.dumps(payload), ChainedInvokeOptions=options
        )

    async def _open(self, name: str, type_: str, **members: Any) -> dict[str, Any]:
        if name not in self.operations:
            update = {"Id": name, "Name": name, "Type": type_, "Action": "START"}
            await self.checkpoint({**update, **members})
        if self.operations[name]["Status"] == "STARTED":
            raise Suspended
        return self.operations[name]


Play = Callable[[Script], Awaitable[Any]]


class ScriptedFunction:
    """What `@durable_execution` would make of `play`."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.__name__ = play.__name__

    async def invoke(
        self, event: InvocationEvent, service: DurableService, lambda_context: Any
    ) -> InvocationOutput:
        try:
            result = await self._play(Script(event, service))
        except Suspended:
            return {"Status": "PENDING"}
        except ValueError as error:
            told = {"ErrorType": "ValueError", "ErrorMessage": str(error)}
            return cast("InvocationOutput", {"Status": "FAILED", "Error": told})
        except ServiceCallFailed as error:
            if error.retryable:
                raise
            told = {"ErrorType": error.code, "ErrorMessage": error.message}
            return cast("InvocationOutput", {"Status": "FAILED", "Error": told})
        return {"Status": "SUCCEEDED", "Result": json.dumps(result)}


def scripted(play: Play) -> ScriptedFunction:
    return ScriptedFunction(play)
