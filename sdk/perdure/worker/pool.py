"""What a worker offers to functions that it does not know by name: runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from perdure.worker.runtime import Runtime

DEFAULT_MAX_CHILDREN: Final = 100
DEFAULT_IDLE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Pool:
    """`interpreter` tells people what runs the functions: a version, or what stands in for it."""

    runtime: Runtime
    interpreter: str


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """`concurrency` invocations of each function at a time, in at most `max_children` processes
    of all deployed functions. A process of a version that had no work for `idle_seconds` ends."""

    concurrency: int
    max_children: int = DEFAULT_MAX_CHILDREN
    idle_seconds: float = DEFAULT_IDLE_SECONDS
