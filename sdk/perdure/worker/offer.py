"""How much work a worker wants, as it tells the service with each poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PoolOffer:
    """Free slots of deployed functions: `total` of all together, and of each one that holds some;
    a function that is not among them has as many as the registration said."""

    total: int
    functions: Mapping[str, int]

    def is_news_to(self, earlier: PoolOffer) -> bool:
        if self.total == 0:
            return False
        exhausted = (name for name, count in earlier.functions.items() if count == 0)
        return earlier.total == 0 or any(self.functions.get(name, 1) > 0 for name in exhausted)


@dataclass(frozen=True, slots=True)
class Offer:
    """`functions` are those that are served by name. `pool` is None without pools."""

    functions: Mapping[str, int] = field(default_factory=dict)
    pool: PoolOffer | None = None

    @property
    def total(self) -> int:
        return sum(self.functions.values()) + (self.pool.total if self.pool else 0)

    def is_news_to(self, earlier: Offer) -> bool:
        """Whether the service may bring work for this that it may not bring for the `earlier`."""
        if any(count and not earlier.functions.get(name) for name, count in self.functions.items()):
            return True
        return self.pool is not None and self.pool.is_news_to(earlier.pool or PoolOffer(0, {}))
