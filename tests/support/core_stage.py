"""Programs of the SDK's core, played by hand: the test performs the effects and is the service."""

from __future__ import annotations

from typing import Any, cast

from perdure.core.effects import Effect, Program
from perdure.core.replay import Replay
from perdure.core.scope import Place, Scope
from perdure.service_api import Operation, OperationType

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/e1"


class Stage:
    """An execution and its outermost scope. `recorded` is what earlier invocations left."""

    def __init__(self, *recorded: Operation) -> None:
        execution: Operation = {
            "Id": "e1",
            "Type": "EXECUTION",
            "Status": "STARTED",
            "StartTimestamp": 1_700_000_000_000,
        }
        self.replay = Replay(ARN, [execution, *recorded], lambda scope, func: scope)
        self.scope = Scope(self.replay, None, None, None)

    def place(
        self, type_: OperationType = "STEP", sub_type: str = "Step", name: str | None = "work"
    ) -> Place:
        return self.scope.place(type_, sub_type, name)

    @property
    def queued(self) -> list[tuple[str, str, str | None]]:
        """Type, action and name of what the service has not been told yet."""
        return [(each["Type"], each["Action"], each.get("Name")) for each in self.replay.outbox]

    def tell(self, place: Place, status: str, **details: Any) -> None:
        """The service takes all that is queued and answers that the operation stands so."""
        taken = self.replay.take()
        self.replay.sent(len(taken), [recorded(place, status, **details)])


_DETAILS = {
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
    "CONTEXT": "ContextDetails",
}


def recorded(place: Place, status: str, **details: Any) -> Operation:
    """The operation as the service has it; `details` in Lambda's spelling."""
    operation = {
        "Id": place.id,
        "Type": place.type,
        "SubType": place.sub_type,
        "Status": status,
        _DETAILS[place.type]: details,
    }
    if place.name:
        operation["Name"] = place.name
    if place.parent_id:
        operation["ParentId"] = place.parent_id
    if "EndTimestamp" in details:
        operation["EndTimestamp"] = details.pop("EndTimestamp")
    return cast("Operation", operation)


def begin(program: Program) -> Effect:
    """The first effect. The test fails if there is none."""
    return next(program)


def finish(program: Program, value: object = None) -> Any:
    """What the program returns when its last effect is answered with `value`."""
    try:
        effect = program.send(value)
    except StopIteration as done:
        return done.value
    raise AssertionError(f"it goes on with {effect}")


def outcome(program: Program) -> Any:
    """What a program returns that has no effect at all."""
    try:
        effect = next(program)
    except StopIteration as done:
        return done.value
    raise AssertionError(f"it begins with {effect}")
