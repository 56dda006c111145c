"""Whether the tasks of a handler can only go on when an operation ends.

A task that awaits an operation is blocked; so is one that awaits blocked tasks, by gather, a task
group, wait, wait_for or shield, or one of asyncio's locks, events and queues, which only other
tasks of the handler open. A task that awaits anything else, as a sleep, a socket or a thread, will
go on by itself. So will one under a short `asyncio.timeout`: it is waited for in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from perdure.shell.deadlines import watch_deadlines
from perdure.shell.waiters import StrandFuture

TIMEOUT_SECONDS = 30.0
"""Timeouts that end later do not keep a function in memory."""

_INTERNAL = ("locks.py", "queues.py", "taskgroups.py", "tasks.py", "timeouts.py")


def are_blocked(tasks: Iterable[asyncio.Task[Any]], loop: asyncio.AbstractEventLoop) -> bool:
    """Whether none of these tasks can go on unless an operation ends."""
    known = {task for task in tasks if not task.done()}
    if not all(_is_blocked(task, known) for task in known):
        return False
    return not watch_deadlines(loop).is_near(known, loop.time() + TIMEOUT_SECONDS)


def _is_blocked(task: asyncio.Task[Any], known: set[asyncio.Task[Any]]) -> bool:
    waiting_for = getattr(task, "_fut_waiter", None)
    if waiting_for is None or waiting_for.done():
        return False
    return _never_done(waiting_for, known) or (
        type(waiting_for).__name__ == "Future" and _waits_inside_asyncio(task)
    )


def _never_done(future: Any, known: set[asyncio.Task[Any]]) -> bool:
    """Whether it cannot be done before an operation ends, as far as its kind shows."""
    if future.done():
        return False
    if isinstance(future, StrandFuture):
        return True
    if isinstance(future, asyncio.Task):
        # Tasks of the handler are judged by themselves.
        return future in known
    children = getattr(future, "_children", None)
    if children is not None:
        return any(not child.done() for child in children) and all(
            child.done() or _never_done(child, known) for child in children
        )
    inner = _shielded(future)
    return inner is not None and _never_done(inner, known)


def _shielded(future: Any) -> Any:
    """What `asyncio.shield` keeps behind this future."""
    for entry in getattr(future, "_callbacks", None) or ():
        callback = entry[0]
        if getattr(callback, "__qualname__", "").startswith("shield."):
            for cell in callback.__closure__ or ():
                if asyncio.isfuture(cell.cell_contents) and cell.cell_contents is not future:
                    return cell.cell_contents
    return None


def _waits_inside_asyncio(task: asyncio.Task[Any]) -> bool:
    coroutine: Any = task.get_coro()
    while getattr(coroutine, "cr_await", None) is not None and hasattr(
        coroutine.cr_await, "cr_code"
    ):
        coroutine = coroutine.cr_await
    code = getattr(coroutine, "cr_code", None)
    if code is None or code.co_name == "sleep":
        return False
    folder, _, file = code.co_filename.replace("\\", "/").rpartition("/")
    return folder.endswith("/asyncio") and file in _INTERNAL
