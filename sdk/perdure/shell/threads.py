"""Threads for handlers and branches: kept for a while, so that one need not be made each time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

_IDLE_SECONDS = 10.0


class _Worker:
    """One thread and the lock that wakes it."""

    __slots__ = ("task", "wake")

    def __init__(self, task: Callable[[], None]) -> None:
        self.task: Callable[[], None] | None = task
        self.wake = threading.Lock()
        self.wake.acquire()


class ThreadPool:
    """As many threads as there is work at the same time; who calls this bounds that.

    A task must not raise. An idle thread ends after ten seconds.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: deque[_Worker] = deque()
        self._busy: set[_Worker] = set()
        self._count = 0

    @property
    def busy(self) -> int:
        """How many threads have a task."""
        return len(self._busy)

    def run(self, task: Callable[[], None]) -> None:
        """Run `task` in a thread, at once."""
        try:
            worker = self._idle.pop()
        except IndexError:
            self._count += 1
            worker = _Worker(task)
            threading.Thread(
                target=self._work, args=(worker,), name=f"{self._name}-{self._count}", daemon=True
            ).start()
        else:
            worker.task = task
            worker.wake.release()

    def forget(self) -> None:
        """In a fork: none of the threads is there."""
        self._idle.clear()
        self._busy.clear()

    def _work(self, worker: _Worker) -> None:
        while True:
            task, worker.task = worker.task, None
            assert task is not None
            self._busy.add(worker)
            task()
            del task
            self._busy.discard(worker)
            self._idle.append(worker)
            if worker.wake.acquire(timeout=_IDLE_SECONDS):
                continue
            try:
                self._idle.remove(worker)
            except ValueError:
                # Somebody has just taken it: the task is on its way.
                worker.wake.acquire()
            else:
                return


THREADS = ThreadPool("perdure")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=THREADS.forget)
