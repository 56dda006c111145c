"""What the slots of functions ask of those around them, and are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from perdure.worker.functions import PublishedCode
from perdure.worker.invocation import Invocation, InvocationId, Result
from perdure.worker.plan import ChildPlan
from perdure.worker.processes import Processes

START_SECONDS: Final = 5.0
"""A start that takes longer waits for something: others may use the processor meanwhile."""


class Slots(Protocol):
    """Those of one function: its processes, and the invocations that they have."""

    @property
    def name(self) -> str: ...
    @property
    def held(self) -> Sequence[InvocationId]: ...
    @property
    def free(self) -> int: ...

    @property
    def is_free_unreported(self) -> bool:
        """Whether the slot of an invocation is free when that has ended, before the service has
        its result."""

    def warm_up(self) -> None: ...
    def accept(self, invocation: Invocation) -> None: ...
    def release(self, invocation_id: InvocationId) -> None: ...
    def reload(self) -> None: ...
    def give_up(self) -> None: ...
    def close(self) -> None: ...


class Workshop(Protocol):
    """What the slots of all functions share."""

    @property
    def tasks(self) -> asyncio.TaskGroup: ...
    @property
    def start_permits(self) -> asyncio.Semaphore: ...
    @property
    def published(self) -> PublishedCode: ...
    @property
    def idle_seconds(self) -> float: ...
    @property
    def processes(self) -> Processes: ...

    def finished(self, slots: Slots, invocation: Invocation, result: Result) -> None: ...
    def say(self, function_name: str, text: str) -> None: ...


class Plans(Protocol):
    """How the processes of one function are started."""

    @property
    def function_name(self) -> str: ...

    @property
    def warm(self) -> ChildPlan | None:
        """What one process is kept ready as, without an invocation that needs it."""

    def plan_for(self, invocation: Invocation) -> ChildPlan: ...
