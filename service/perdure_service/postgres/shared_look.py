"""One look for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedLook(Generic[K, V]):
    """When something remembered has expired under load, a hundred callers notice at once; the
    first one looks, the others wait for what it finds. One who leaves takes nobody with him."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    async def __call__(self, key: K, look: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """What `look` answers or raises, for this caller and for whoever joins him under `key`."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(look())
            self._running[key] = task
            task.add_done_callback(lambda ended: self._end(key, ended))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Let nobody join the looks that run: they may have begun before a change."""
        self._running.clear()

    def _end(self, key: K, ended: asyncio.Task[V]) -> None:
        if self._running.get(key) is ended:
            del self._running[key]
        if not ended.cancelled():
            ended.exception()  # seen, even if nobody waits any more
