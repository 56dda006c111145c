"""What was read a moment ago need not be read again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from perdure_service.domain.instant import Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.postgres.shared_look import SharedLook

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FRESH_SECONDS = 1
MOST_REMEMBERED = 10_000
_FOREVER = Instant(2**62)


class FreshLooks(Generic[K, V]):
    """Answers of `look`, which are taken for true for a second, or for good if `is_final` says so.
    Whoever asks for the same at the same time shares one look. The newest `most` are remembered."""

    def __init__(
        self,
        clock: Clock,
        look: Callable[[K], Coroutine[Any, Any, V]],
        is_final: Callable[[V], bool] = lambda _: False,
        most: int = MOST_REMEMBERED,
    ) -> None:
        self._clock = clock
        self._look = look
        self._is_final = is_final
        self._most = most
        self._known: dict[K, tuple[Instant, V]] = {}
        self._shared: SharedLook[K, V] = SharedLook()
        self.changes = 0
        """How often something was forgotten: a look that began before may have seen what was."""

    async def __call__(self, key: K) -> V:
        """Raises what the look raises; that is never remembered."""
        known = self.fresh(key)
        if known is not None:
            return known
        return await self._shared(key, lambda: self._fetch(key))

    def fresh(self, key: K) -> V | None:
        entry = self._known.get(key)
        return entry[1] if entry is not None and self._clock.now() < entry[0] else None

    def remembered(self, key: K) -> V | None:
        """However old it is."""
        entry = self._known.get(key)
        return None if entry is None else entry[1]

    def put(self, key: K, value: V, since: int) -> None:
        """Remember what somebody has read who saw `changes` stand at `since` before."""
        if since == self.changes:
            final = self._is_final(value)
            self._known.pop(key, None)  # the newest are last
            self._known[key] = (
                _FOREVER if final else after(self._clock.now(), FRESH_SECONDS),
                value,
            )
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def forget(self, where: Callable[[K, V], bool]) -> None:
        self.changes += 1
        self._shared.forget()
        self._known = {
            key: (until, value)
            for key, (until, value) in self._known.items()
            if not where(key, value)
        }

    async def _fetch(self, key: K) -> V:
        since = self.changes
        value = await self._look(key)
        self.put(key, value, since)
        return value
