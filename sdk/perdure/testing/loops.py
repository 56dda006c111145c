"""The event loop that a runner's work gets: one of its own, each time."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any

from perdure.testing.errors import InvocationHung
from perdure.testing.real_time import Stopped


def _run(work: Coroutine[Any, Any, None]) -> None:
    runner = asyncio.Runner()
    try:
        runner.run(work)
    except (InvocationHung, Stopped) as hung:
        # A task that withstands its cancellation, or a thread of an executor, is not waited for.
        loop = runner.get_loop()
        left: Any
        for left in asyncio.all_tasks(loop):
            left._log_destroy_pending = False  # told already
        loop.close()
        asyncio.set_event_loop(None)
        if isinstance(hung, Stopped):
            raise InvocationHung("an invocation kept the event loop busy for too long") from hung
        raise
    except BaseException:
        runner.close()
        raise
    runner.close()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run_here(work: Coroutine[Any, Any, None]) -> None:
    """To its end: on a loop of its own, in this thread if no other loop runs in it."""
    if not _in_a_loop():
        _run(work)
        return
    raised: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(_run, work)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="perdure.testing")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
