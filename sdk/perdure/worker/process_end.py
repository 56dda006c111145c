"""Why a process never began to work, in Lambda's words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Self

from perdure.worker.functions import CodeUnavailable
from perdure.worker.invocation import (
    EXIT_ERROR,
    TIMED_OUT,
    Invocation,
    Outcome,
    Result,
    ended_early,
    how_it_ended,
    timed_out_text,
)
from perdure.worker.runtime import CannotStart

START_ERRORS: Final = (CodeUnavailable, CannotStart, OSError)
"""What keeps a process from being started at all."""


@dataclass(frozen=True, slots=True)
class InitFailure:
    """A runtime that never asked for work: what it posted, or why not."""

    error_type: str = EXIT_ERROR
    reason: str = "Runtime exited without providing a reason"
    posted: bytes | None = None

    @classmethod
    def of(cls, error: CodeUnavailable | CannotStart | OSError) -> Self:
        match error:
            case CodeUnavailable():
                return cls("Runtime.CodeUnavailable", str(error))
            case CannotStart():
                return cls(error.error_type, str(error))
            case _:
                return cls("Runtime.StartFailed", str(error))

    def __str__(self) -> str:
        return self.posted.decode("utf-8", "replace") if self.posted is not None else self.reason

    def result_for(self, invocation: Invocation) -> Result:
        if self.posted is not None:
            return Result(Outcome.INIT_ERROR, self.posted)
        return ended_early(invocation.id, Outcome.INIT_ERROR, self.error_type, self.reason)


def init_failure(
    ready: asyncio.Future[None],
    failed: asyncio.Future[bytes],
    ended: asyncio.Future[int],
    limit_seconds: float,
    death_type: str = EXIT_ERROR,
) -> InitFailure | None:
    """What has become of a start that had so long: None if the process is ready. One that has not
    ended hangs."""
    if failed.done():
        return InitFailure(posted=failed.result())
    if ended.done():
        return InitFailure(death_type, f"Runtime {how_it_ended(ended.result())}")
    if ready.done():
        return None
    return InitFailure(TIMED_OUT, timed_out_text(limit_seconds))
