"""One execution driven by hand, one command after the other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from perdure_service.domain.apply_update import RefusedTarget, ResolvedTarget, Target
from perdure_service.domain.decide_checkpoint import (
    Accepted,
    Checkpoint,
    Repeated,
    decide_checkpoint,
)
from perdure_service.domain.decide_delete import decide_delete
from perdure_service.domain.decide_invocation import (
    Claim,
    Delivery,
    Ending,
    Failed,
    Returned,
    decide_claim,
    decide_invocation_end,
)
from perdure_service.domain.decide_pause import (
    PauseRequest,
    ResumeRequest,
    decide_pause,
    decide_resume,
)
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, FailureKind, Held, Queued, Running
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import (
    Action,
    ErrorObject,
    Operation,
    OperationType,
    OperationUpdate,
)
from perdure_service.domain.tokens import CheckpointToken
from tests.support.executions import (
    WORKER,
    at,
    callback_id_of,
    invocation_id,
    new_execution,
)

T = TypeVar("T")

BROKEN = ErrorObject(message="it broke", type="BrokenError")


def step(id_: str, action: Action = Action.START, **options: Any) -> OperationUpdate:
    return OperationUpdate(id_, OperationType.STEP, action, **options)


def retry(id_: str, delay_seconds: int | None = 5, **options: Any) -> OperationUpdate:
    has_options = delay_seconds is not None
    return step(
        id_,
        Action.RETRY,
        step_delay_seconds=delay_seconds,
        has_step_options=has_options,
        **options,
    )


def context(id_: str, action: Action = Action.START, **options: Any) -> OperationUpdate:
    return OperationUpdate(id_, OperationType.CONTEXT, action, **options)


def wait(id_: str, seconds: int | None = 10, **options: Any) -> OperationUpdate:
    return OperationUpdate(id_, OperationType.WAIT, Action.START, wait_seconds=seconds, **options)


def cancel(id_: str, **options: Any) -> OperationUpdate:
    return OperationUpdate(id_, OperationType.WAIT, Action.CANCEL, **options)


def callback(
    id_: str, timeout: int | None = None, heartbeat: int | None = None, **options: Any
) -> OperationUpdate:
    return OperationUpdate(
        id_,
        OperationType.CALLBACK,
        Action.START,
        callback_timeout_seconds=timeout,
        callback_heartbeat_seconds=heartbeat,
        **options,
    )


def invoke(id_: str, function: str | None = "ship", **options: Any) -> OperationUpdate:
    return OperationUpdate(
        id_, OperationType.CHAINED_INVOKE, Action.START, function_name=function, **options
    )


def closing(action: Action = Action.SUCCEED, **options: Any) -> OperationUpdate:
    return OperationUpdate("execution-result-1", OperationType.EXECUTION, action, **options)


class Scenario:
    """An execution that has just started, one second at a time. Each call decides at `seconds`,
    goes on from what was decided, and answers what the caller would be told."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        policy: RetryPolicy | None = None,
        **identity: Any,
    ) -> None:
        self.limits = limits or Limits()
        self.policy = policy or RetryPolicy()
        self.seconds = 0.0
        self.log: list[Event] = []
        self._numbers = itertools.count(1)
        self.last: Decision[Any] = decide_start(new_execution(**identity), self.moment())
        self.execution: Execution = self.last.after
        self.log += self.last.events

    @property
    def history(self) -> list[str]:
        return [event.type.value for event in self.log]

    @property
    def token(self) -> CheckpointToken:
        ledger = self.execution.ledger
        assert ledger.invocation_id is not None
        return CheckpointToken(
            self.execution.id, ledger.invocation_id, ledger.token_seq, ledger.token_nonce
        )

    @property
    def running(self) -> Running:
        running = self.execution.ledger.invocation
        assert isinstance(running, Running)
        return running

    def is_queued(self) -> bool:
        return isinstance(self.execution.ledger.invocation, Queued)

    def is_held(self) -> bool:
        return isinstance(self.execution.ledger.invocation, Held)

    def moment(self) -> Moment:
        return Moment(at(self.seconds), next(self._numbers))

    def operation(self, id_: str) -> Operation:
        operation = self.execution.operations.get(id_)
        assert operation is not None
        return operation

    def after(self, seconds: float) -> Scenario:
        self.seconds += seconds
        return self

    def decide(self, decide: Callable[[Execution, Moment], Decision[T]]) -> T:
        decision = decide(self.execution, self.moment())
        self.last, self.execution = decision, decision.after
        self.log += decision.events
        return decision.answer

    def claim(self) -> Delivery:
        claim = Claim(WORKER, invocation_id(next(self._numbers)))
        delivery = self.decide(lambda e, moment: decide_claim(e, claim, moment))
        assert delivery is not None, "nothing is queued and ready"
        return delivery

    def checkpoint(
        self,
        *updates: OperationUpdate,
        token: CheckpointToken | None = None,
        client_token: str | None = None,
        targets: Mapping[str, Target] | None = None,
    ) -> Accepted | Repeated:
        request = Checkpoint(token or self.token, updates, client_token, targets or {})
        return self.decide(
            lambda e, moment: decide_checkpoint(e, request, moment, self.limits, callback_id_of)
        )

    def accepted(self, *updates: OperationUpdate, **options: Any) -> Accepted:
        answer = self.checkpoint(*updates, **options)
        assert isinstance(answer, Accepted)
        return answer

    def ends(self, outcome: Returned | Failed) -> Ending:
        target = self.running.id
        return self.decide(
            lambda e, moment: decide_invocation_end(
                e, target, outcome, moment, self.policy, self.limits
            )
        )

    def returns(self, status: str, **members: Any) -> Ending:
        return self.ends(Returned(json.dumps({"Status": status, **members})))

    def suspends(self) -> Ending:
        return self.returns("PENDING")

    def crashes(self, kind: FailureKind = FailureKind.CRASH) -> Ending:
        return self.ends(Failed(kind, ErrorObject("exit status 1", "Runtime.ExitError")))

    def tick(self) -> None:
        self.decide(decide_tick)

    def pauses(self, **options: Any) -> None:
        request = PauseRequest(**options)
        self.decide(lambda e, moment: decide_pause(e, request, moment))

    def resumes(self, **options: Any) -> None:
        request = ResumeRequest(**options)
        self.decide(lambda e, moment: decide_resume(e, request, moment))

    def stops(self) -> Instant:
        return self.decide(lambda e, moment: decide_stop(e, BROKEN, moment))

    def deletes(self) -> Instant:
        return self.decide(decide_delete)


def running(**options: Any) -> Scenario:
    """A scenario whose first invocation is in flight."""
    scenario = Scenario(**options)
    scenario.claim()
    return scenario


def waiting(**options: Any) -> Scenario:
    """A scenario that waits for a callback `cb` and a wait `w` of ten seconds; nothing runs."""
    scenario = running(**options)
    scenario.accepted(callback("cb"), wait("w", 10))
    scenario.suspends()
    return scenario


def child_target(number: int = 2, **identity: Any) -> ResolvedTarget:
    new = new_execution(number=number, function_name="ship", **identity)
    return ResolvedTarget(new, nonce=number)


def refused_target() -> RefusedTarget:
    return RefusedTarget(ErrorObject("Function not found: ship", "ResourceNotFoundException"))
