"""How many runtime processes there may be of all deployed functions together."""

from __future__ import annotations

from typing import Protocol


class Tenant(Protocol):
    """The slots of one function, as seen by the others."""

    def idle_since(self) -> float | None:
        """When its longest idle process became idle; None if none is."""

    def retire_longest_idle(self) -> None:
        """End that process. Its place is given back when it is gone."""

    def places_are_free(self) -> None:
        """There may be a place now for what it asked for."""


class Places:
    """A place is taken before a process is started and given back when it is gone.

    Who finds none asks; then idle processes of others end, the longest idle first. Nobody is asked
    to end what is at work, so what is wanted must be no more than what is free: offers see to it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._leaving = 0
        self._tenants: list[Tenant] = []
        self._asking: dict[Tenant, int] = {}

    @property
    def free(self) -> int:
        return self._limit - self._taken

    def join(self, tenant: Tenant) -> None:
        self._tenants.append(tenant)

    def leave(self, tenant: Tenant) -> None:
        self._tenants.remove(tenant)
        self._asking.pop(tenant, None)

    def take(self) -> None:
        assert self._taken < self._limit
        self._taken += 1

    def give(self, *, was_asked_for: bool) -> None:
        """`was_asked_for`: this process ended because others wanted its place."""
        self._taken -= 1
        self._leaving -= was_asked_for
        for tenant in tuple(self._asking):
            if self.free > 0:
                tenant.places_are_free()

    def ask(self, tenant: Tenant, count: int) -> None:
        """`tenant` lacks so many places. Replaces what it asked for before."""
        if count > 0:
            self._asking[tenant] = count
        else:
            self._asking.pop(tenant, None)
        while self._leaving + self.free < sum(self._asking.values()):
            idle = [(since, t) for t in self._tenants if (since := t.idle_since()) is not None]
            if not idle:
                return
            self._leaving += 1
            min(idle, key=lambda pair: pair[0])[1].retire_longest_idle()
