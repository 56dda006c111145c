"""The agent: functions, their processes and the link to the service, from start to drain."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perdure.http.connections import ServiceConnections, ServiceUrl
from perdure.worker.code import PackedCode
from perdure.worker.code_cache import DEFAULT_MAX_BYTES, CodeCache
from perdure.worker.confinement import Confinements
from perdure.worker.deployed import DeployedFunctions
from perdure.worker.functions import PublishedCode, ServedFunction
from perdure.worker.health import HealthFile
from perdure.worker.invocation import (
    Invocation,
    InvocationId,
    Outcome,
    Result,
    error_result,
)
from perdure.worker.lambda_proxy import LambdaProxy
from perdure.worker.launch import Launcher
from perdure.worker.link import ServiceLink
from perdure.worker.live import LiveFunctions
from perdure.worker.log_shipping import LogShipper
from perdure.worker.memory import MemoryWatch
from perdure.worker.offer import Offer
from perdure.worker.pool import ChildLimits, Pool
from perdure.worker.presence import Presence
from perdure.worker.processes import Processes, Say
from perdure.worker.service_client import (
    Registered,
    Registration,
    ServiceClient,
)
from perdure.worker.workshop import Slots

AGENT: Final = "perdure"
"""The name under which the agent itself speaks."""

_UNSPOKEN_SECONDS = 0.5
_KILLED_SECONDS = 5.0
_LAST_LOGS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """`cache` keeps published code, up to `cache_bytes`; `excluded` are folders that are never code
    (absolute); `health_file` is touched while the service knows this worker. Deployed functions
    run within `confinements`, and see of the agent's environment what is `passed`, by name."""

    service: ServiceUrl
    functions: Sequence[ServedFunction]
    limits: ChildLimits
    reload: bool
    cache: Path
    grace_seconds: float
    cache_bytes: int = DEFAULT_MAX_BYTES
    pools: Sequence[Pool] = ()
    confinements: Confinements = field(default_factory=Confinements)
    passed: Collection[str] = ()
    excluded: frozenset[Path] = frozenset()
    health_file: Path | None = None


class Agent:
    """Runs once. `run` returns after a drain; `stop` may be called from a signal handler."""

    def __init__(self, settings: AgentSettings, say: Say, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._say = say
        self._environment = environment
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self.registered = asyncio.Event()
        """Set once the service knows the functions."""

    def stop(self) -> None:
        """Take no more work and end when what runs has ended. A second call ends it at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def run(self) -> None:
        """Raises RegistrationRefused, within an exception group."""
        connections = ServiceConnections(self._settings.service)
        worker_id = str(uuid.uuid4())
        client = ServiceClient(connections, worker_id)
        settings = self._settings
        presence = Presence(
            settings.cache.with_name(f"{settings.cache.name}-workers"),
            str(settings.service),
            worker_id,
            lambda text: self._say(AGENT, text),
        )
        launcher = Launcher(self._environment, settings.passed, settings.confinements)
        try:
            async with asyncio.TaskGroup() as tasks:
                shift = _Shift(
                    self._settings,
                    self._say,
                    launcher,
                    client,
                    LambdaProxy(connections),
                    presence,
                    tasks,
                    self.registered,
                )
                try:
                    presence.open()
                    await shift.open()
                    await self._stopping.wait()
                    await shift.drain(self._hurry)
                finally:
                    shift.close()
                    presence.close()
        finally:
            launcher.close()
            connections.close()


class _Shift:
    """An agent at work: the Board of its link and the Workshop of its slots."""

    def __init__(
        self,
        settings: AgentSettings,
        say: Say,
        launcher: Launcher,
        client: ServiceClient,
        proxy: LambdaProxy,
        presence: Presence,
        tasks: asyncio.TaskGroup,
        known: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._say = say
        self._presence = presence
        self._replaced: list[str] = []
        self._known = known
        self._health = HealthFile(settings.health_file, self._say_ours)
        self.tasks = tasks
        self.idle_seconds = settings.limits.idle_seconds
        self.start_permits = asyncio.Semaphore(max(2, os.cpu_count() or 1))
        self.published = PublishedCode(CodeCache(settings.cache, settings.cache_bytes), client)
        self.freed = asyncio.Event()
        self._link = ServiceLink(client, self, self._say_ours)
        self._memory = MemoryWatch()
        self._logs = LogShipper(client.ship_logs, self._say_ours)
        self.processes = Processes(
            launcher, proxy, settings.service, self._logs, self._memory, say, tasks
        )
        self._live = LiveFunctions(settings.functions, settings.excluded)
        self._deployed = DeployedFunctions(settings.pools, settings.limits, self)
        self._intake: list[asyncio.Task[None]] = []
        self._upkeep: list[asyncio.Task[None]] = []
        self._reports: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self._live.open(self._settings.limits.concurrency, self, self._say_ours)
        self._upkeep = [
            self.tasks.create_task(self._link.keep_registered()),
            self.tasks.create_task(self._link.heartbeat()),
            self.tasks.create_task(self._logs.run()),
            self.tasks.create_task(self._memory.run()),
        ]
        self._intake = [self.tasks.create_task(self._link.poll())]
        if self._settings.reload:
            self._intake += [
                self.tasks.create_task(
                    self._live.watch(path, self._link.register_again, self._say_ours)
                )
                for path in self._live.folders
            ]

    async def drain(self, hurry: asyncio.Event) -> None:
        """Let what runs finish, kill what is left at the end of the grace, and say goodbye."""
        _cancel(self._intake)
        await self._until_empty(min(_UNSPOKEN_SECONDS, self._settings.grace_seconds), hurry)
        if running := len(self.held()):
            self._say(AGENT, f"waiting for {running} to finish; once more to stop at once")
        await self._until_empty(self._settings.grace_seconds, hurry)
        for slots in self._slots():
            slots.give_up()
        await self._until_empty(_KILLED_SECONDS, asyncio.Event())
        await self._logs.drain(_LAST_LOGS_SECONDS)
        _cancel(self._upkeep)  # a heartbeat after the goodbye would register anew
        await self._link.leave()

    def close(self) -> None:
        """End everything that is still there, reported or not."""
        self._health.remove()
        _cancel([*self._intake, *self._upkeep, *self._reports])
        for slots in self._slots():
            slots.close()

    async def _until_empty(self, limit_seconds: float, hurry: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(limit_seconds), asyncio.TaskGroup() as waits:
                hurried = waits.create_task(hurry.wait())
                while self.held() and not hurry.is_set():
                    self.freed.clear()
                    freed = waits.create_task(self.freed.wait())
                    await asyncio.wait({freed, hurried}, return_when=asyncio.FIRST_COMPLETED)
                    freed.cancel()
                hurried.cancel()
        except TimeoutError:
            pass

    # The link's board.

    def registration(self) -> Registration:
        settings = self._settings
        self._replaced = self._presence.dead()
        return Registration(
            self._live.registrations(),
            settings.pools,
            settings.limits.concurrency,
            self._replaced,
        )

    def registered(self, answer: Registered) -> None:
        self._presence.bury(self._replaced)
        self._known.set()
        self.known()
        for function in answer.functions[:1]:
            self._live.registered(region=function.arn.split(":")[3])

    def known(self) -> None:
        self._health.touch()
        if self._presence.dead():
            self._link.register_again()  # on behalf of a neighbour

    def packed(self, function_name: str) -> PackedCode | None:
        return self._live.packed(function_name)

    def held(self) -> Sequence[InvocationId]:
        return [held for slots in self._slots() for held in slots.held]

    def offer(self) -> Offer:
        free = {name: slots.free for name, slots in self._live.slots.items()}
        return Offer(free, self._deployed.offer() if self._settings.pools else None)

    def accept(self, invocation: Invocation) -> None:
        if slots := self._slots_for(invocation):
            slots.accept(invocation)
            return
        message = f"This worker does not serve {invocation.function_name}"
        result = error_result(Outcome.INIT_ERROR, "Runtime.UnknownFunction", message)
        self._report(invocation, self.processes.unrun(invocation, result), None)

    # The slots' workshop.

    def finished(self, slots: Slots, invocation: Invocation, result: Result) -> None:
        if result.outcome is Outcome.INIT_ERROR:
            result = self.processes.unrun(invocation, result)
        self._report(invocation, result, slots)

    def say(self, function_name: str, text: str) -> None:
        self._say(function_name, text)

    def _report(self, invocation: Invocation, result: Result, slots: Slots | None) -> None:
        async def report() -> None:
            if slots is not None and slots.is_free_unreported:
                await self._link.report_with_a_poll(invocation.id, result)
            else:
                await self._link.report(invocation.id, result)
            if slots is not None:
                slots.release(invocation.id)
            self.freed.set()

        task = self.tasks.create_task(report())
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    def _slots(self) -> Iterator[Slots]:
        yield from self._live.slots.values()
        yield from self._deployed.slots.values()

    def _slots_for(self, invocation: Invocation) -> Slots | None:
        deployment = invocation.deployment
        if deployment is not None and self._deployed.can_run(deployment):
            return self._deployed.slots_for(invocation)
        return self._live.slots.get(invocation.function_name)

    def _say_ours(self, text: str) -> None:
        self._say(AGENT, text)


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
