"""The runtime processes of one function, up to its concurrency.

Processes are grouped by the code they loaded. One of the live folder is kept warm; more start as
invocations wait, and end when they have been idle for a while. A process that holds an
invocation is never taken away from it, except by the timeout and at the end of a drain.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from perdure.worker.child import Child, InitFailure
from perdure.worker.environment import RuntimeIdentity
from perdure.worker.functions import CodeUnavailable, LiveCode, PublishedCode, ServedFunction
from perdure.worker.invocation import Invocation, InvocationId, Outcome, Result

EXTRA_IDLE_SECONDS = 60.0
VERSION_IDLE_SECONDS = 300.0

_RETURN_SECONDS = 10.0
"""A runtime asks for its next invocation at once; one that does not is stuck."""
_START_SECONDS = 5.0
"""A start that takes longer waits for something: others may use the processor meanwhile."""
_YOUNG_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 30.0
_LATEST = "$LATEST"


class Workshop(Protocol):
    """What the slots of all functions share."""

    @property
    def tasks(self) -> asyncio.TaskGroup: ...
    @property
    def start_permits(self) -> asyncio.Semaphore: ...
    @property
    def published(self) -> PublishedCode: ...
    @property
    def region(self) -> str: ...
    def start_child(self, identity: RuntimeIdentity) -> AbstractAsyncContextManager[Child]: ...
    def finished(self, slots: FunctionSlots, invocation: Invocation, result: Result) -> None: ...
    def say(self, function_name: str, text: str) -> None: ...


class _State(Enum):
    QUEUED = auto()
    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    RETURNING = auto()


@dataclass(frozen=True, slots=True)
class _Code:
    """The identity of loaded code: `sha256` for a version, `generation` for the live folder."""

    version: str
    handler: str
    sha256: str | None
    generation: int


@dataclass(eq=False, slots=True)
class _Group:
    code: _Code
    waiting: deque[Invocation] = field(default_factory=deque)
    members: set[_Member] = field(default_factory=set)
    idle: list[_Member] = field(default_factory=list)

    def unattended(self) -> int:
        """Waiting invocations for which no process will be free by itself in a moment."""
        coming = (_State.QUEUED, _State.STARTING, _State.RETURNING)
        return len(self.waiting) - sum(member.state in coming for member in self.members)


@dataclass(eq=False, slots=True)
class _Member:
    group: _Group
    started_at: float
    state: _State = _State.QUEUED
    retiring: bool = False
    crashed: bool = False
    failure: InitFailure | None = None
    child: Child | None = None
    task: asyncio.Task[None] | None = None
    handoff: asyncio.Future[Invocation] | None = None

    @property
    def leaving(self) -> bool:
        return self.retiring and self.state is not _State.BUSY


class FunctionSlots:
    def __init__(
        self, function: ServedFunction, live: LiveCode, concurrency: int, workshop: Workshop
    ) -> None:
        self.function = function
        self._live = live
        self._concurrency = concurrency
        self._workshop = workshop
        self._groups: dict[_Code, _Group] = {}
        self._held: dict[InvocationId, Invocation] = {}
        self._keep_warm = True
        self._crashes = 0
        self._warm_again: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def name(self) -> str:
        return self.function.spec.name

    @property
    def held(self) -> tuple[InvocationId, ...]:
        """Invocations delivered here whose result the service has not accepted yet."""
        return tuple(self._held)

    @property
    def free(self) -> int:
        return max(0, self._concurrency - len(self._held))

    def warm_up(self) -> None:
        """Start the process that is kept warm, unless there is one."""
        self._balance()

    def accept(self, invocation: Invocation) -> None:
        """Run a delivered invocation as soon as there is a process for it. A repeat is ignored."""
        if invocation.id in self._held:
            return
        self._held[invocation.id] = invocation
        group = self._group(self._code_of(invocation))
        if group.idle:
            _hand(group.idle.pop(), invocation)  # the latest to be idle: the others may end
        else:
            group.waiting.append(invocation)
            self._balance()

    def release(self, invocation_id: InvocationId) -> None:
        """The result is with the service: the slot is free again."""
        self._held.pop(invocation_id, None)

    def reload(self, live: LiveCode) -> None:
        """Serve $LATEST from new code. What runs ends on the old code, what waits gets the new."""
        before, self._live = self._live.generation, live
        self._keep_warm = True
        self._crashes = 0
        if self._warm_again is not None:
            self._warm_again.cancel()
            self._warm_again = None
        for group in [g for g in self._groups.values() if g.code.generation == before]:
            if group.code.sha256 is not None:
                continue
            moved = list(group.waiting)
            group.waiting.clear()
            for member in tuple(group.members):
                self._retire(member)
            for invocation in moved:
                self._group(self._code_of(invocation)).waiting.append(invocation)
        self._balance()

    def give_up(self) -> None:
        """Kill what still runs; each is reported as killed. What waits is left to others."""
        for group in self._groups.values():
            while group.waiting:
                self.release(group.waiting.popleft().id)
        for member in self._members():
            if member.state is _State.BUSY and member.child is not None:
                member.child.kill()

    def close(self) -> None:
        """Start no more processes and end all of them; nothing further is reported."""
        self._closed = True
        if self._warm_again is not None:
            self._warm_again.cancel()
        for member in tuple(self._members()):
            if member.task is not None:
                member.task.cancel()

    # Which code an invocation runs on.

    def _code_of(self, invocation: Invocation) -> _Code:
        handler = invocation.handler or self.function.spec.handler
        if invocation.code_sha256 is None:
            return self._live_code(invocation.version, handler)
        return _Code(invocation.version, handler, invocation.code_sha256, 0)

    def _live_code(self, version: str, handler: str) -> _Code:
        return _Code(version, handler, None, self._live.generation)

    def _group(self, code: _Code) -> _Group:
        return self._groups.setdefault(code, _Group(code))

    def _members(self) -> Iterator[_Member]:
        for group in self._groups.values():
            yield from group.members

    # How many processes there are.

    def _balance(self) -> None:
        """Start what is lacking, make room for it, and forget groups without use."""
        if self._closed:
            return
        warm = self._live_code(_LATEST, self.function.spec.handler)
        self._group(warm)
        leaving = sum(member.leaving for member in self._members())
        for group in tuple(self._groups.values()):
            for _ in range(group.unattended()):
                if self._room():
                    self._start(group)
                elif leaving > 0:
                    leaving -= 1  # its place is as good as free
                elif not self._make_room(group):
                    break
            if not group.members and not group.waiting and group.code != warm:
                del self._groups[group.code]
        lacks_warm = not self._groups[warm].members and self._warm_again is None
        if self._keep_warm and lacks_warm and self._room():
            self._start(self._groups[warm])

    def _room(self) -> bool:
        return sum(len(group.members) for group in self._groups.values()) < self._concurrency

    def _make_room(self, wanted: _Group) -> bool:
        for group in self._groups.values():
            if group is not wanted and group.idle:
                self._retire(group.idle[0])
                return True
        return False

    def _start(self, group: _Group) -> None:
        member = _Member(group, asyncio.get_running_loop().time())
        group.members.add(member)
        member.task = self._workshop.tasks.create_task(self._run(member))
        # Not a finally within: a task that is cancelled before its first step never gets there.
        member.task.add_done_callback(lambda task: self._gone(member, task))

    def _retire(self, member: _Member) -> None:
        member.retiring = True
        if member.state is _State.BUSY or member.task is None:
            return  # it goes when its invocation has ended
        if member in member.group.idle:
            member.group.idle.remove(member)
        member.task.cancel()

    # The life of one process.

    async def _run(self, member: _Member) -> None:
        try:
            async with AsyncExitStack() as stack:
                identity = await self._identity(member.group.code)
                async with self._workshop.start_permits:
                    if not self._is_needed(member):
                        return
                    member.state = _State.STARTING
                    child = await stack.enter_async_context(self._workshop.start_child(identity))
                    member.child = child
                    await child.until_settled(_START_SECONDS)
                member.failure = await child.until_ready(self.function.timeout_seconds)
                if member.failure is None:
                    self._keep_warm = True
                    await self._serve(member, child)
        except CodeUnavailable as error:
            member.failure = InitFailure(error_type="Runtime.CodeUnavailable", reason=str(error))
        except OSError as error:
            member.failure = InitFailure(error_type="Runtime.StartFailed", reason=str(error))

    def _is_needed(self, member: _Member) -> bool:
        """Whether a process is still lacking: others may have done the work meanwhile."""
        group = member.group
        others = [m.state for m in group.members if m.state is not _State.QUEUED]
        coming = others.count(_State.STARTING) + others.count(_State.RETURNING)
        return len(group.waiting) > coming or (self._is_live(group) and not others)

    async def _identity(self, code: _Code) -> RuntimeIdentity:
        return RuntimeIdentity(
            function_name=self.name,
            version=code.version,
            runtime=self.function.runtime,
            handler=code.handler,
            folder=await self._folder(code),
            memory_mb=self.function.memory_mb,
            region=self._workshop.region,
        )

    async def _folder(self, code: _Code) -> Path:
        if code.sha256 is None:
            return self.function.spec.folder
        return await self._workshop.published.folder(code.sha256)

    async def _serve(self, member: _Member, child: Child) -> None:
        while not member.retiring:
            invocation = await self._next(member, child)
            if invocation is None:
                return
            if child.has_ended:
                # It died before it saw the invocation: another one can have it.
                member.crashed = True
                member.group.waiting.appendleft(invocation)
                return
            result = await child.invoke(invocation)
            self._workshop.finished(self, invocation, result)
            if result.outcome in (Outcome.EXIT, Outcome.TIMEOUT):
                member.crashed = result.outcome is Outcome.EXIT
                return
            member.state = _State.RETURNING
            if await child.until_ready(_RETURN_SECONDS) is not None:
                member.crashed = True
                return

    async def _next(self, member: _Member, child: Child) -> Invocation | None:
        """The next invocation, or None if the process died or is not needed any more."""
        group = member.group
        if group.waiting:
            member.state = _State.BUSY
            return group.waiting.popleft()
        handoff = member.handoff = asyncio.get_running_loop().create_future()
        member.state = _State.IDLE
        group.idle.append(member)
        self._balance()
        try:
            while True:
                invocation = await child.until_handed(handoff, self._idle_seconds(group))
                if invocation is not None:
                    return invocation
                if child.has_ended:
                    member.crashed = True
                    return None
                if len(group.members) > 1 or not self._is_live(group):
                    return None
        finally:
            if member in group.idle:
                group.idle.remove(member)

    def _idle_seconds(self, group: _Group) -> float:
        return EXTRA_IDLE_SECONDS if self._is_live(group) else VERSION_IDLE_SECONDS

    def _is_live(self, group: _Group) -> bool:
        return group.code.sha256 is None

    def _gone(self, member: _Member, task: asyncio.Task[None]) -> None:
        group = member.group
        group.members.discard(member)
        if not task.cancelled() and task.exception() is not None:
            self._closed = True  # a fault of ours, which ends the agent
        if self._closed:
            return
        now = asyncio.get_running_loop().time()
        if member.failure is not None and not member.retiring:
            # It would fail again: wait for an invocation to need it, or for other code.
            self._keep_warm = False
            if group.waiting:
                invocation = group.waiting.popleft()
                self._workshop.finished(self, invocation, member.failure.result_for(invocation))
            else:
                self._workshop.say(self.name, f"did not start: {member.failure}")
        elif member.crashed and now - member.started_at < _YOUNG_SECONDS:
            self._crashes += 1
            self._warm_later(min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE_SECONDS))
        elif now - member.started_at >= _YOUNG_SECONDS:
            self._crashes = 0
        self._balance()

    def _warm_later(self, seconds: float) -> None:
        if self._warm_again is not None:
            self._warm_again.cancel()
        self._warm_again = asyncio.get_running_loop().call_later(seconds, self._warm_now)

    def _warm_now(self) -> None:
        self._warm_again = None
        self._balance()


def _hand(member: _Member, invocation: Invocation) -> None:
    assert member.handoff is not None
    member.state = _State.BUSY
    member.handoff.set_result(invocation)
