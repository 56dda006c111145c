"""A handler is replayed from its history, and must do the same again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from perdure.service_api import (
    CheckpointAnswer,
    InvocationOutput,
    OperationUpdate,
    ServiceCallFailed,
    StatePage,
)
from perdure.testing.clock import VirtualClock
from perdure.testing.errors import InvocationHung, NotDeterministic
from perdure.testing.functions import RegisteredFunction, is_durable
from perdure.testing.history_text import history_text
from perdure.testing.invocations import invocation_event, lambda_context
from perdure.testing.real_time import within
from perdure.testing.store import Record
from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.ids import InvocationId, WorkerId
from perdure_service.domain.limits import Limits
from perdure_service.domain.tokens import CheckpointToken

REPLAYS = 2
_DAY_SECONDS = 86_400
_NOBODY = WorkerId("00000000-0000-7000-8000-000000000002")
_REPLAY = InvocationId("00000000-0000-7000-8000-000000000003")
_ALL = Limits(state_page_items=1_000_000, state_page_bytes=1_000_000_000)


class _Replayed:
    """A service with nothing to add to the history. What the handler wants to add is noted."""

    def __init__(self) -> None:
        self.added: list[OperationUpdate] = []
        self.result: str | None = None

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        for update in updates:
            if update["Type"] == "EXECUTION":
                self.result = update.get("Payload")  # too large for the output itself
            else:
                self.added.append(update)
        if self.added:
            raise ServiceCallFailed("the replay added to the history")
        return {"CheckpointToken": token, "NewExecutionState": {"Operations": []}}

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        return {"Operations": []}


async def check_replays(
    function: RegisteredFunction, record: Record, clock: VirtualClock, real_seconds: float
) -> None:
    """Replay all that has happened, twice, a day apart. Raises NotDeterministic, which names what a
    replay did that the first run had not done, and InvocationHung."""
    own_clock = VirtualClock()
    own_clock.set(clock.now)
    for _ in range(REPLAYS):
        own_clock.move(_DAY_SECONDS)
        service = _Replayed()
        try:
            output = await _replay(function, record.live, service, own_clock, real_seconds)
        except InvocationHung:
            raise
        except Exception as error:
            raise _differs(record, _added(service) or f"it raised {error!r}") from error
        problem = _added(service) or _other_outcome(record.live, output, service)
        if problem is not None:
            raise _differs(record, problem)


async def _replay(
    function: RegisteredFunction,
    live: Execution,
    service: _Replayed,
    clock: VirtualClock,
    real_seconds: float,
) -> InvocationOutput:
    assert is_durable(function.handler)
    still_open = dataclasses.replace(live, outcome=None, ended_at=None, result=None, error=None)
    upto = Sight(live.last_event_id, live.effective_now(live.ledger.seen.now))
    delivery = Delivery(Claim(_NOBODY, _REPLAY), CheckpointToken(live.id, _REPLAY, 1, 1), upto, ())
    event = invocation_event(still_open, delivery, _ALL)
    context = lambda_context(function, live, delivery, clock)
    work = function.handler.invoke(event, service, context)
    return await within(real_seconds, function.version.function_name, work)


def _added(service: _Replayed) -> str | None:
    if not service.added:
        return None
    update = service.added[0]
    name = update.get("Name") or update["Id"]
    return (
        f"it began {update['Type']} '{name}' ({update['Action']}), which its history does not "
        "have there. Does the handler branch on the time, on chance, or on something that changes "
        "outside of its steps?"
    )


def _other_outcome(live: Execution, output: InvocationOutput, service: _Replayed) -> str | None:
    recorded = live.outcome.value if live.outcome is not None else "PENDING"
    if recorded not in ("SUCCEEDED", "FAILED", "PENDING"):
        return None  # it was ended from outside
    seen = output["Status"]
    if seen != recorded:
        told = output.get("Error") or output.get("Result")
        return f"it answered {seen} ({told}), the history has {recorded}"
    result = output.get("Result") or service.result
    if seen == "SUCCEEDED" and (result or None) != (live.result or None):
        return f"it returned {result}, the history has {live.result}"
    error = output.get("Error") or {}
    if seen == "FAILED" and live.error and error.get("ErrorMessage") != live.error.message:
        return f"it failed with {error}, the history has {live.error}"
    return None


def _differs(record: Record, problem: str) -> NotDeterministic:
    return NotDeterministic(f"a replay differs: {problem}\n{history_text(record)}")
