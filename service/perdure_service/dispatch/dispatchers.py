"""All ways of handing out an invocation, tried in turn."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import FunctionVersionId, WorkerId
from perdure_service.ports.dispatch import Dispatch


class Dispatchers:
    """Implements `ports.dispatch.Dispatch` over several others."""

    def __init__(self, dispatchers: Sequence[Dispatch]) -> None:
        self._dispatchers = dispatchers
        self._owners: dict[tuple[WorkerId, str], Dispatch] = {}

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        for dispatcher in self._dispatchers:
            claim = dispatcher.reserve(version_id)
            if claim is not None:
                self._owners[claim.worker_id, claim.invocation_id] = dispatcher
                return claim
        return None

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        return any(dispatcher.is_exhausted(version_id) for dispatcher in self._dispatchers)

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        self._owner(delivery.claim).deliver(execution, delivery)

    def release(self, claim: Claim) -> None:
        self._owner(claim).release(claim)

    def _owner(self, claim: Claim) -> Dispatch:
        return self._owners.pop((claim.worker_id, claim.invocation_id))
