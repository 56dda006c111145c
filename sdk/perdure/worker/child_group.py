"""Runtime processes of one plan, and the invocations that wait for them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from perdure.worker.child import Child
from perdure.worker.invocation import Invocation
from perdure.worker.plan import ChildPlan
from perdure.worker.process_end import InitFailure


class State(Enum):
    QUEUED = auto()
    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    RETURNING = auto()


_COMING = frozenset({State.QUEUED, State.STARTING, State.RETURNING})


@dataclass(eq=False, slots=True)
class Group:
    """`idle` holds those that wait for work, the longest idle first."""

    plan: ChildPlan
    waiting: deque[Invocation] = field(default_factory=deque)
    members: set[Member] = field(default_factory=set)
    idle: list[Member] = field(default_factory=list)

    def unattended(self) -> int:
        """Waiting invocations for which no process will be free by itself in a moment."""
        return len(self.waiting) - sum(member.state in _COMING for member in self.members)


@dataclass(eq=False, slots=True)
class Member:
    """One process, from the decision to start it until it is gone. `evicted`: another function
    wanted its place."""

    group: Group
    started_at: float
    state: State = State.QUEUED
    idle_since: float = 0.0
    retiring: bool = False
    evicted: bool = False
    crashed: bool = False
    failure: InitFailure | None = None
    child: Child | None = None
    task: asyncio.Task[None] | None = None
    handoff: asyncio.Future[Invocation] | None = None

    @property
    def is_leaving(self) -> bool:
        return self.retiring and self.state is not State.BUSY

    def hand(self, invocation: Invocation) -> None:
        """Give work to an idle process."""
        assert self.handoff is not None
        self.state = State.BUSY
        self.handoff.set_result(invocation)

    def retire(self) -> None:
        """End it: now, or when the invocation that it runs has ended."""
        self.retiring = True
        if self.state is State.BUSY or self.task is None:
            return
        if self in self.group.idle:
            self.group.idle.remove(self)
        self.task.cancel()
