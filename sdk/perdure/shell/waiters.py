"""What a program's strand sleeps on: a lock for a thread, a future for a task."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any, Protocol


class Waiter(Protocol):
    """Resolved once, by whichever thread."""

    def resolve(self, error: BaseException | None = None) -> None: ...


class ThreadWaiter:
    """`wait` blocks its thread until `resolve`, and raises the error that it was given."""

    __slots__ = ("_error", "_lock")

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    def resolve(self, error: BaseException | None = None) -> None:
        self._error = error
        self._lock.release()

    def wait(self) -> None:
        self._lock.acquire()
        if self._error is not None:
            raise self._error


class StrandFuture(asyncio.Future[Any]):
    """A future that the driver answers for: a task that waits for it cannot run by itself."""


class TaskWaiter:
    """`await waiter.future`, and raises the error that `resolve` was given."""

    __slots__ = ("_loop", "_thread", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self.future = StrandFuture(loop=loop)
        self._loop = loop
        self._thread = thread

    def resolve(self, error: BaseException | None = None) -> None:
        if threading.get_ident() == self._thread:
            self._resolve(error)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                self._loop.call_soon_threadsafe(self._resolve, error)

    def _resolve(self, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)
            # Whoever waited may be gone; that is no news then.
            self.future.exception()
