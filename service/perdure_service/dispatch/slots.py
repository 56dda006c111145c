"""Free slots of one worker, as it last told them, less what was taken for it since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from perdure_service.ports.workers import PoolFree

OnFree = Callable[[Iterable[str], bool], None]
"""Called when slots are free: of functions by name, or of pools."""


def nobody_waits(function_names: Iterable[str], of_pools: bool) -> None:
    """An `OnFree`."""


class Slots(Protocol):
    """A slot is offered by the worker, taken for a claim, and settled once the worker has been
    told of it; or it is freed, if the claim did not commit."""

    def left(self, function_name: str) -> int:
        """How many could be taken now."""
        ...

    def take(self, function_name: str) -> None: ...

    def free(self, function_name: str) -> None: ...

    def settle(self, function_name: str) -> None: ...

    def withdraw(self) -> None:
        """The worker does not poll: count on none."""
        ...


@dataclass(eq=False, slots=True)
class NamedSlots:
    """Of functions that the worker serves by name: each has its own."""

    offered: dict[str, int] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def offer(self, free: Mapping[str, int]) -> None:
        """The worker has so many, not counting what it has not been told of."""
        self.offered = {name: count - self.taken[name] for name, count in free.items()}

    def left(self, function_name: str) -> int:
        return self.offered.get(function_name, 0)

    def take(self, function_name: str) -> None:
        self.offered[function_name] -= 1
        self.taken[function_name] += 1

    def free(self, function_name: str) -> None:
        self.settle(function_name)
        if function_name in self.offered:
            self.offered[function_name] += 1

    def settle(self, function_name: str) -> None:
        self.taken[function_name] -= 1

    def withdraw(self) -> None:
        self.offered = {}


@dataclass(eq=False, slots=True)
class PoolSlots:
    """Of deployed functions, which share a total; each of them may have `per_function`."""

    per_function: int = 0
    total: int = 0
    offered: dict[str, int] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def offer(self, free: PoolFree) -> None:
        """The worker has so many, not counting what it has not been told of."""
        self.taken = +self.taken
        self.total = free.total - self.taken.total()
        self.offered = {
            name: free.functions.get(name, self.per_function) - self.taken[name]
            for name in free.functions.keys() | self.taken.keys()
        }

    def left(self, function_name: str) -> int:
        return min(self.total, self.offered.get(function_name, self.per_function))

    def take(self, function_name: str) -> None:
        self.total -= 1
        self.offered[function_name] = self.offered.get(function_name, self.per_function) - 1
        self.taken[function_name] += 1

    def free(self, function_name: str) -> None:
        self.settle(function_name)
        if function_name in self.offered:  # else the worker has withdrawn its offer since
            self.total += 1
            self.offered[function_name] += 1

    def settle(self, function_name: str) -> None:
        self.taken[function_name] -= 1

    def withdraw(self) -> None:
        self.total, self.offered = 0, {}
