"""Slots for invocations that have just been queued."""

from __future__ import annotations

from perdure_service.dispatch.claimer import Claimer
from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import FunctionVersionId
from perdure_service.ports.dispatch import Dispatch


class InTurn:
    """Implements `ports.dispatch.Dispatch` for the log, which claims in the commit that queues: not
    where other functions wait for the same slots, for then the claimer gives each its turn."""

    def __init__(self, dispatch: Dispatch, claimer: Claimer) -> None:
        self._dispatch = dispatch
        self._claimer = claimer

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        if self._claimer.is_anothers_turn(version_id):
            return None
        return self._dispatch.reserve(version_id)

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        return self._dispatch.is_exhausted(version_id)

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        self._dispatch.deliver(execution, delivery)

    def release(self, claim: Claim) -> None:
        self._dispatch.release(claim)
