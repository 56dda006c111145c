"""How long an invocation may take by the machine's own clock. A handler that never ends fails the
test: one that waits, that withstands its cancellation, and that computes without end, in a thread
or on the event loop."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

from perdure.shell.threads import THREADS
from perdure.testing.errors import InvocationHung

T = TypeVar("T")

_GRACE_SECONDS = 1.0
"""For a handler to take its cancellation, and for the event loop to notice that time is over."""
_DEBUGGERS = frozenset({"bdb", "pdb", "pydevd", "_pydevd_bundle.pydevd"})
_SHOWN_FRAMES = 4


class Stopped(BaseException):
    """Raised from outside in a thread that computes without end."""


async def within(seconds: float, function_name: str, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns. Raises InvocationHung, which tells where it stands, if it takes longer.
    Time in a debugger does not count."""
    task = asyncio.ensure_future(work)
    blocked: list[str] = []
    with suppress(Stopped), _alarm(seconds + _GRACE_SECONDS, blocked.append):
        while not task.done():
            await asyncio.wait([task], timeout=seconds)
            if not _is_debugged():
                break
    if task.done() and not blocked:
        return task.result()
    places = blocked[:1] or _places()
    task.cancel()
    await asyncio.wait([task], timeout=_GRACE_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()  # it is no news
    raise InvocationHung(_text(function_name, seconds, places))


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """What it returns. Unlike an executor's, its thread keeps no event loop and no process."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def tell(act: Callable[[Any], None], outcome: Any) -> None:
        if not ended.done():
            act(outcome)

    def run() -> None:
        try:
            told: tuple[Callable[[Any], None], Any] = (ended.set_result, call())
        except BaseException as error:
            told = (ended.set_exception, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, *told)

    THREADS.run(run)
    return await ended


@contextmanager
def _alarm(seconds: float, note: Callable[[str], None]) -> Iterator[None]:
    """After so many seconds, stop what keeps this thread from leaving the block, again and again,
    and tell `note` where that was."""
    left = threading.Event()
    thread = threading.get_ident()
    at_work = threading.Lock()

    def watch() -> None:
        pause = seconds
        while not left.wait(pause):
            pause = _GRACE_SECONDS
            with at_work:
                place = _place(sys._current_frames().get(thread))
                if left.is_set() or not place or _is_debugged():
                    continue  # not the handler keeps it: the machine is slow
                note(place)
                # Heard as soon as that thread runs Python code.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(Stopped)
                )

    threading.Thread(target=watch, name="perdure.testing alarm", daemon=True).start()
    try:
        yield
    finally:
        with suppress(Stopped):
            left.set()
            with at_work:
                pass
            for _ in range(100):  # what is on its way arrives here
                pass


def _is_debugged() -> bool:
    """Whether somebody stands in a debugger, in whichever thread."""
    return any(
        _module(frame) in _DEBUGGERS
        for top in sys._current_frames().values()
        for frame, _ in traceback.walk_stack(top)
    )


def _places() -> list[str]:
    """Where handlers are, those in threads and those on this loop."""
    named = {thread.ident for thread in threading.enumerate() if thread.name.startswith("perdure-")}
    tops = [top for ident, top in sys._current_frames().items() if ident in named]
    waiting = [_awaiting(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]
    return [place for place in [*map(_place, tops), *waiting] if place]


def _place(top: FrameType | None) -> str:
    """The user's own frames; "" if it stands in ours: the thread waits for an operation."""
    while top is not None and _module(top) == "perdure.shell.sleeping":
        top = top.f_back
    frames = list(itertools.takewhile(lambda at: not _is_ours(at[0]), traceback.walk_stack(top)))
    return _written(traceback.StackSummary.extract(reversed(frames[:_SHOWN_FRAMES])))


def _awaiting(task: asyncio.Task[Any]) -> str:
    """The innermost line of the user's own in it; "" if there is none."""
    found: FrameType | None = None
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None and not _is_ours(frame):
            found = frame
        awaited = getattr(awaited, "cr_await", None)
    return "" if found is None else _written(traceback.extract_stack(found, limit=1))


def _is_ours(frame: FrameType) -> bool:
    """Also where an event loop waits."""
    return _module(frame).startswith(("asyncio.", "perdure.", "selectors"))


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name


def _written(stack: list[traceback.FrameSummary]) -> str:
    return "".join(traceback.format_list(stack)).rstrip()


def _text(function_name: str, seconds: float, places: list[str]) -> str:
    problem = (
        f"an invocation of '{function_name}' took more than {seconds:g} seconds of real time. "
        "Does it wait for something outside of its context, or loop without end? If it only "
        "needs longer, give the runner `invocation_seconds`."
    )
    return "\n".join([problem, *(f"It is at\n{place}" for place in places)])
