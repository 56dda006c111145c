"""The timeouts of asyncio's that are under way on an event loop.

A loop in C does not tell its timers, so they are noted when they are made.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet


class Deadlines:
    """Of one loop: those of `asyncio.timeout`, `wait_for`, and `wait(timeout=...)`."""

    __slots__ = ("_timeouts", "_waiters")

    def __init__(self) -> None:
        self._timeouts: WeakSet[asyncio.Timeout] = WeakSet()
        self._waiters: WeakKeyDictionary[asyncio.Future[Any], float] = WeakKeyDictionary()

    def note(self, when: float, callback: Any, args: tuple[Any, ...]) -> None:
        """A timer was set; `when` by the loop's clock."""
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, asyncio.Timeout):
            self._timeouts.add(owner)
        elif args and getattr(callback, "__name__", "") == "_release_waiter":
            self._waiters[args[0]] = when

    def is_near(self, tasks: Iterable[asyncio.Task[Any]], limit: float) -> bool:
        """Whether one of these tasks is under a timeout that ends before `limit`."""
        known = set(tasks)
        return any(
            self._is_near(timeout, limit) and _attribute(timeout, "_task") in known
            for timeout in self._timeouts
        ) or any(
            self._waiters.get(waiter, math.inf) <= limit
            for task in known
            if (waiter := _attribute(task, "_fut_waiter")) is not None
        )

    @staticmethod
    def _is_near(timeout: asyncio.Timeout, limit: float) -> bool:
        """It has its handle until it has struck or was left."""
        when = timeout.when()
        return when is not None and when <= limit and bool(_attribute(timeout, "_timeout_handler"))


def watch_deadlines(loop: asyncio.AbstractEventLoop) -> Deadlines:
    """From now on, for as long as the loop lives; the same ones whenever it is asked for."""
    watched: Any = loop
    known: Deadlines | None = getattr(loop.call_at, "_perdure_deadlines", None)
    if known is not None:
        return known
    deadlines = Deadlines()
    set_at, set_later = loop.call_at, loop.call_later

    def call_at(when: float, callback: Callable[..., object], *args: Any, **options: Any) -> Any:
        deadlines.note(when, callback, args)
        return set_at(when, callback, *args, **options)

    def call_later(
        delay: float, callback: Callable[..., object], *args: Any, **options: Any
    ) -> Any:
        deadlines.note(loop.time() + delay, callback, args)
        return set_later(delay, callback, *args, **options)

    marked: Any = call_at
    marked._perdure_deadlines = deadlines
    watched.call_at, watched.call_later = call_at, call_later
    return deadlines


def _attribute(of: object, name: str) -> Any:
    return getattr(of, name, None)
