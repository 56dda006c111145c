"""All ways of handing out an invocation, tried in turn."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution, Identity
from perdure_service.domain.ids import WorkerId
from perdure_service.ports.dispatch import Dispatch


class Dispatchers:
    """Implements `ports.dispatch.Dispatch` over several others."""

    def __init__(self, dispatchers: Sequence[Dispatch]) -> None:
        self._dispatchers = dispatchers
        self._owners: dict[tuple[WorkerId, str], Dispatch] = {}

    def reserve(self, identity: Identity) -> Claim | None:
        for dispatcher in self._dispatchers:
            claim = dispatcher.reserve(identity)
            if claim is not None:
                self._owners[claim.worker_id, claim.invocation_id] = dispatcher
                return claim
        return None

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        self._owner(delivery.claim).deliver(execution, delivery)

    def release(self, claim: Claim, identity: Identity) -> None:
        self._owner(claim).release(claim, identity)

    def _owner(self, claim: Claim) -> Dispatch:
        return self._owners.pop((claim.worker_id, claim.invocation_id))
