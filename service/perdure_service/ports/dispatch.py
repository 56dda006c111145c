"""Handing invocations to workers."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import FunctionVersionId


class Dispatch(Protocol):
    """The workers that poll this replica. A reserved slot is delivered to or released."""

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        """A free slot for this function version, taken; None if no worker here has one."""
        ...

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        """After `reserve` found none: True if other functions compete for what is lacking, the
        slots of the pools that may run it."""
        ...

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        """Hand a committed claim to its worker."""
        ...

    def release(self, claim: Claim) -> None:
        """Give the slot back: the claim did not commit."""
        ...


class NoDispatch:
    """No worker polls here."""

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        return None

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        return False

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        raise AssertionError("nothing was reserved")

    def release(self, claim: Claim) -> None:
        raise AssertionError("nothing was reserved")
