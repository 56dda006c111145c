"""The slots of a function whose processes run many invocations each.

There is one process for each plan: one of the live folder, kept warm, and one of each published
version that is in use. Edited code, a process that has died and one that is worn get a successor;
what runs ends in the old one, if that still lives.
"""

from __future__ import annotations

from perdure.worker.invocation import Invocation, InvocationId, Result
from perdure.worker.kept_warm import KeptWarm
from perdure.worker.plan import ChildPlan
from perdure.worker.shared_process import SharedProcess
from perdure.worker.workshop import Plans, Workshop


class SharedSlots:
    """Implements `workshop.Slots` and `shared_process.Owner`."""

    def __init__(self, plans: Plans, concurrency: int, workshop: Workshop) -> None:
        self._plans = plans
        self._concurrency = concurrency
        self._workshop = workshop
        self._processes: dict[ChildPlan, SharedProcess] = {}
        self._leaving: set[SharedProcess] = set()
        self._held: set[InvocationId] = set()
        self._kept_warm = KeptWarm(self.warm_up)
        self._closed = False

    @property
    def name(self) -> str:
        return self._plans.function_name

    @property
    def is_free_unreported(self) -> bool:
        return True

    @property
    def held(self) -> tuple[InvocationId, ...]:
        """Invocations delivered here whose result the service has not accepted yet."""
        return tuple(self._held)

    @property
    def free(self) -> int:
        """What has ended has left its slot, reported or not."""
        return max(0, self._concurrency - sum(process.load for process in self._all()))

    def warm_up(self) -> None:
        """Start the process that is kept warm, unless there is one."""
        warm = self._plans.warm
        if warm is not None and self._kept_warm.is_due:
            self._process(warm)

    def accept(self, invocation: Invocation) -> None:
        """Run a delivered invocation as soon as there is a process for it. A repeat is ignored."""
        if invocation.id in self._held:
            return
        self._held.add(invocation.id)
        self._process(self._plans.plan_for(invocation)).give(invocation)

    def release(self, invocation_id: InvocationId) -> None:
        """The result is with the service: the slot is free again."""
        self._held.discard(invocation_id)

    def reload(self) -> None:
        """The live folder has new code. What runs ends on the old code, what waits gets the new."""
        self._kept_warm.has_new_code()
        warm = self._plans.warm
        for plan, process in tuple(self._processes.items()):
            if plan.is_live and (warm is None or plan.code != warm.code):
                for invocation in self._replace(process):
                    self._process(self._plans.plan_for(invocation)).give(invocation)
        self._workshop.say(self.name, "reloaded")
        self.warm_up()

    def give_up(self) -> None:
        """Kill what still runs; each is reported as killed. What waits is left to others."""
        for process in self._all():
            for invocation in process.take_waiting():
                self.release(invocation.id)
            if process.running and process.child is not None:
                process.child.kill()

    def close(self) -> None:
        """Start no more processes and end all of them; nothing further is reported."""
        self._closed = True
        self._kept_warm.end()
        for process in self._all():
            process.close()

    # what the processes ask

    @property
    def workshop(self) -> Workshop:
        return self._workshop

    @property
    def concurrency(self) -> int:
        return self._concurrency

    def keeps(self, plan: ChildPlan) -> bool:
        """Whether a process of this plan is wanted without work for it."""
        return plan == self._plans.warm

    def finished(self, invocation: Invocation, result: Result) -> None:
        if not self._closed:
            self._workshop.finished(self, invocation, result)

    def is_worn(self, process: SharedProcess, reason: str) -> None:
        """It shall have no more work."""
        if process in self._leaving or self._closed:
            return
        self._workshop.say(self.name, f"its process is replaced: {reason}")
        waiting = self._replace(process)
        for invocation in waiting:
            self._process(process.plan).give(invocation)
        self.warm_up()

    def gone(self, process: SharedProcess) -> None:
        """Its process has ended."""
        self._leaving.discard(process)
        if self._processes.get(process.plan) is process:
            del self._processes[process.plan]
        if self._closed:
            return
        waiting = process.take_waiting()
        if process.failure is not None:
            self._kept_warm.has_failed()
            for invocation in waiting:
                self.finished(invocation, process.failure.result_for(invocation))
            if not waiting:
                self._workshop.say(self.name, f"did not start: {process.failure}")
            return
        self._kept_warm.has_ended(started_at=process.started_at, crashed=process.crashed)
        for invocation in waiting:
            self._process(process.plan).give(invocation)
        self.warm_up()

    def is_serving(self) -> None:
        """A handler was loaded."""
        self._kept_warm.has_loaded()

    # the rest

    def _all(self) -> list[SharedProcess]:
        return [*self._processes.values(), *self._leaving]

    def _process(self, plan: ChildPlan) -> SharedProcess:
        process = self._processes.get(plan)
        if process is None:
            process = self._processes[plan] = SharedProcess(plan, self)
        return process

    def _replace(self, process: SharedProcess) -> list[Invocation]:
        """Let it end when its work is done; what it had not begun with."""
        if self._processes.get(process.plan) is process:
            del self._processes[process.plan]
        self._leaving.add(process)
        waiting = process.take_waiting()
        process.leave()
        return waiting
