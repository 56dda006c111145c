"""A warning where a handler blocks a worker that it could leave: time.sleep outside of a step."""

from __future__ import annotations

import functools
import sys
import time
import warnings
from typing import Any

from perdure.core.scope import INSIDE, Scope
from perdure.exceptions import DurableExecutionWarning


@functools.cache
def watch_for_sleep() -> None:
    """From now on, for as long as the process lives.

    Python 3.13 and later tell of every sleep. Before that a function stands in for time.sleep, and
    a `from time import sleep` that ran earlier goes unnoticed.
    """
    if sys.version_info >= (3, 13):
        sys.addaudithook(_hear)
        return
    sleep = time.sleep

    @functools.wraps(sleep)
    def sleep_and_tell(seconds: float) -> None:
        _warn_if_in_handler()
        sleep(seconds)

    told: Any = sleep_and_tell
    time.sleep = told


def _hear(event: str, _: object) -> None:
    if event == "time.sleep":
        _warn_if_in_handler()


def _warn_if_in_handler() -> None:
    if isinstance(INSIDE.get(), Scope):
        warnings.warn(
            "A durable handler called time.sleep: it keeps its worker busy, and sleeps again on "
            "each replay. Use context.wait, or sleep inside a step.",
            DurableExecutionWarning,
            stacklevel=3,
        )
