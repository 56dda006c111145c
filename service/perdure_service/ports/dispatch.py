"""Handing invocations to workers."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution, Identity


class Dispatch(Protocol):
    """The workers that poll this replica. A reserved slot is delivered to or released."""

    def reserve(self, identity: Identity) -> Claim | None:
        """A free slot for this function version, taken; None if no worker here has one."""
        ...

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        """Hand a committed claim to its worker."""
        ...

    def release(self, claim: Claim, identity: Identity) -> None:
        """Give the slot back: the claim did not commit."""
        ...


class NoDispatch:
    """No worker polls here."""

    def reserve(self, identity: Identity) -> Claim | None:
        return None

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        raise AssertionError("nothing was reserved")

    def release(self, claim: Claim, identity: Identity) -> None:
        raise AssertionError("nothing was reserved")
