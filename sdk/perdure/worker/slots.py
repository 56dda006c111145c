"""The runtime processes of one function, up to its concurrency.

Processes are grouped by what they were started as. One of the live folder is kept warm; more start
as invocations wait, and end when they have been idle for a while. A process that holds an
invocation is never taken away from it, except by the timeout and at the end of a drain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

from perdure.worker.child import Child
from perdure.worker.child_group import Group, Member, State
from perdure.worker.invocation import TIMED_OUT, Invocation, InvocationId, Outcome
from perdure.worker.kept_warm import KeptWarm
from perdure.worker.places import Places
from perdure.worker.plan import ChildPlan
from perdure.worker.process_end import START_ERRORS, InitFailure
from perdure.worker.workshop import START_SECONDS, Plans, Workshop

_EXTRA_IDLE_SECONDS = 60.0
"""Of the live folder's processes all but one end when they have been idle for this long."""
_RETURN_SECONDS = 10.0
"""A runtime asks for its next invocation at once; one that does not is stuck."""
_STUCK = "it did not ask for another invocation within {:g} seconds"


class FunctionSlots:
    """`places` are shared with others; without, only the concurrency bounds the processes."""

    def __init__(
        self, plans: Plans, concurrency: int, workshop: Workshop, places: Places | None = None
    ) -> None:
        self._plans = plans
        self._concurrency = concurrency
        self._workshop = workshop
        self._places = places
        self._groups: dict[ChildPlan, Group] = {}
        self._held: dict[InvocationId, Invocation] = {}
        self._kept_warm = KeptWarm(self._balance)
        self._closed = False

    @property
    def name(self) -> str:
        return self._plans.function_name

    @property
    def is_free_unreported(self) -> bool:
        return False

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
        plan = self._plans.plan_for(invocation)
        if plan not in self._groups:
            self._supersede(plan)
        group = self._group(plan)
        if group.idle:
            group.idle.pop().hand(invocation)  # the latest to be idle: the others may end
        else:
            group.waiting.append(invocation)
            self._balance()

    def release(self, invocation_id: InvocationId) -> None:
        """The result is with the service: the slot is free again."""
        self._held.pop(invocation_id, None)

    def reload(self) -> None:
        """The live folder has new code. What runs ends on the old code, what waits gets the new."""
        self._kept_warm.has_new_code()
        warm = self._plans.warm
        for group in [g for g in self._groups.values() if g.plan.is_live]:
            if warm is not None and group.plan.code == warm.code:
                continue
            moved = list(group.waiting)
            group.waiting.clear()
            for member in tuple(group.members):
                member.retire()
            for invocation in moved:
                self._group(self._plans.plan_for(invocation)).waiting.append(invocation)
        self._workshop.say(self.name, "reloaded")
        self._balance()

    def give_up(self) -> None:
        """Kill what still runs; each is reported as killed. What waits is left to others."""
        for group in self._groups.values():
            while group.waiting:
                self.release(group.waiting.popleft().id)
        for member in self._members():
            if member.state is State.BUSY and member.child is not None:
                member.child.kill()

    def close(self) -> None:
        """Start no more processes and end all of them; nothing further is reported."""
        self._closed = True
        self._kept_warm.end()
        for member in tuple(self._members()):
            if member.task is not None:
                member.task.cancel()

    @property
    def is_vacant(self) -> bool:
        """Nothing runs and nothing is held: it can be forgotten."""
        return not self._held and not any(True for _ in self._members())

    # A tenant among others.

    def idle_since(self) -> float | None:
        idle = [group.idle[0].idle_since for group in self._groups.values() if group.idle]
        return min(idle, default=None)

    def retire_longest_idle(self) -> None:
        idle = [group.idle[0] for group in self._groups.values() if group.idle]
        longest = min(idle, key=lambda member: member.idle_since)
        longest.evicted = True
        longest.retire()

    def places_are_free(self) -> None:
        self._balance()

    # Which processes there are.

    def _supersede(self, plan: ChildPlan) -> None:
        """A version is started otherwise from now on: what is there ends after its work."""
        for group in self._groups.values():
            if group.plan.version == plan.version and not group.plan.is_live:
                for member in tuple(group.members):
                    member.retire()

    def _group(self, plan: ChildPlan) -> Group:
        return self._groups.setdefault(plan, Group(plan))

    def _members(self) -> Iterator[Member]:
        for group in self._groups.values():
            yield from group.members

    # How many processes there are.

    def _balance(self) -> None:
        """Start what is lacking, make room for it, and forget groups without use."""
        if self._closed:
            return
        warm = self._plans.warm
        if warm is not None:
            self._group(warm)
        leaving = sum(member.is_leaving for member in self._members())
        lacking = 0
        for group in tuple(self._groups.values()):
            for _ in range(group.unattended()):
                if self._room():
                    self._start(group)
                elif leaving > 0:
                    leaving -= 1  # its place is as good as free
                elif not self._make_room(group):
                    lacking += 1
            if not group.members and not group.waiting and group.plan != warm:
                del self._groups[group.plan]
        if self._places is not None:
            self._places.ask(self, min(lacking, self._concurrency - self._count()))
        if warm is None or not self._kept_warm.is_due:
            return
        if not self._groups[warm].members and self._room():
            self._start(self._groups[warm])

    def _count(self) -> int:
        return sum(len(group.members) for group in self._groups.values())

    def _room(self) -> bool:
        return self._count() < self._concurrency and (self._places is None or self._places.free > 0)

    def _make_room(self, wanted: Group) -> bool:
        for group in self._groups.values():
            if group is not wanted and group.idle:
                group.idle[0].retire()
                return True
        return False

    def _start(self, group: Group) -> None:
        if self._places is not None:
            self._places.take()
        member = Member(group, asyncio.get_running_loop().time())
        group.members.add(member)
        member.task = self._workshop.tasks.create_task(self._run(member))
        # Not a finally within: a task that is cancelled before its first step never gets there.
        member.task.add_done_callback(lambda task: self._gone(member, task))

    # The life of one process.

    async def _run(self, member: Member) -> None:
        try:
            async with AsyncExitStack() as stack:
                plan = member.group.plan
                folder = await stack.enter_async_context(self._workshop.published.folder(plan.code))
                async with self._workshop.start_permits:
                    if not self._is_needed(member):
                        return
                    member.state = State.STARTING
                    child = await stack.enter_async_context(
                        self._workshop.processes.child(plan, folder)
                    )
                    member.child = child
                    await child.until_settled(START_SECONDS)
                member.failure = await child.until_ready(plan.init_seconds)
                if member.failure is None:
                    self._kept_warm.has_loaded()
                    await self._serve(member, child)
        except START_ERRORS as error:
            member.failure = InitFailure.of(error)

    def _is_needed(self, member: Member) -> bool:
        """Whether a process is still lacking: others may have done the work meanwhile."""
        group = member.group
        others = [m.state for m in group.members if m.state is not State.QUEUED]
        coming = others.count(State.STARTING) + others.count(State.RETURNING)
        return len(group.waiting) > coming or (group.plan.is_live and not others)

    async def _serve(self, member: Member, child: Child) -> None:
        while not member.retiring:
            invocation = await self._next(member, child)
            if invocation is None:
                return
            if child.has_ended:
                # It died before it saw the invocation: another one can have it.
                self._replaces(member, f"Runtime {child.how_it_ended()}")
                member.group.waiting.appendleft(invocation)
                return
            result = await child.invoke(invocation)
            self._workshop.finished(self, invocation, result)
            if result.outcome in (Outcome.EXIT, Outcome.TIMEOUT):
                member.crashed = result.outcome is Outcome.EXIT
                return
            member.state = State.RETURNING
            failure = await child.until_ready(_RETURN_SECONDS)
            if failure is not None:
                is_stuck = failure.error_type == TIMED_OUT
                self._replaces(member, _STUCK.format(_RETURN_SECONDS) if is_stuck else str(failure))
                return

    def _replaces(self, member: Member, reason: str) -> None:
        """Outside of an invocation, so that no answer of one tells why."""
        member.crashed = True
        self._workshop.say(self.name, f"its process is replaced: {reason}")

    async def _next(self, member: Member, child: Child) -> Invocation | None:
        """The next invocation, or None if the process died or is not needed any more."""
        group = member.group
        if group.waiting:
            member.state = State.BUSY
            return group.waiting.popleft()
        handoff = member.handoff = asyncio.get_running_loop().create_future()
        member.state = State.IDLE
        member.idle_since = asyncio.get_running_loop().time()
        group.idle.append(member)
        self._balance()
        try:
            while True:
                invocation = await child.until_handed(handoff, self._idle_seconds(group))
                if invocation is not None:
                    return invocation
                if child.has_ended:
                    self._replaces(member, f"Runtime {child.how_it_ended()}")
                    return None
                if len(group.members) > 1 or group.plan != self._plans.warm:
                    return None
        finally:
            if member in group.idle:
                group.idle.remove(member)

    def _idle_seconds(self, group: Group) -> float:
        return _EXTRA_IDLE_SECONDS if group.plan.is_live else self._workshop.idle_seconds

    def _gone(self, member: Member, task: asyncio.Task[None]) -> None:
        group = member.group
        group.members.discard(member)
        if self._places is not None:
            self._places.give(was_asked_for=member.evicted)
        if not task.cancelled() and task.exception() is not None:
            self._closed = True  # a fault of ours, which ends the agent
        if self._closed:
            return
        if member.failure is not None and not member.retiring:
            self._kept_warm.has_failed()
            if group.waiting:
                invocation = group.waiting.popleft()
                self._workshop.finished(self, invocation, member.failure.result_for(invocation))
            else:
                self._workshop.say(self.name, f"did not start: {member.failure}")
        else:
            self._kept_warm.has_ended(started_at=member.started_at, crashed=member.crashed)
        self._balance()
