"""An agent in this process, with real runtime processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from perdure.http.connections import ServiceUrl
from perdure.worker.agent import Agent, AgentSettings
from perdure.worker.confinement import Confinements
from perdure.worker.functions import ServedFunction
from perdure.worker.handler_spec import parse_handler_spec
from perdure.worker.pool import ChildLimits, Pool
from perdure.worker.python_runtime import PythonRuntime
from perdure.worker.runtime import Runtime
from perdure.worker.service_client import DurableConfig
from tests.support.worker_service import WorkerService

PYTHON = PythonRuntime()
_CLIENTS = frozenset({"awslambdaric", "aws-lambda-ric/index.mjs", "perdure.in_process"})


class Lines:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def say(self, name: str, text: str) -> None:
        self.seen.append((name, text))

    def text(self) -> str:
        return "\n".join(text for _, text in self.seen)


@asynccontextmanager
async def agent(
    service: WorkerService,
    file: Path,
    *,
    concurrency: int = 4,
    timeout_seconds: int = 30,
    reload: bool = False,
    grace_seconds: float = 20,
    durable: DurableConfig | None = None,
    lines: Lines | None = None,
    runtime: Runtime = PYTHON,
) -> AsyncIterator[Agent]:
    """One that serves `file` as the function hello."""
    function = ServedFunction(
        parse_handler_spec(f"hello={file}"), runtime, durable, timeout_seconds
    )
    async with agent_of(
        service,
        [function],
        file.parent.parent,
        concurrency=concurrency,
        reload=reload,
        grace_seconds=grace_seconds,
        lines=lines,
    ) as agent:
        yield agent


@asynccontextmanager
async def agent_of(
    service: WorkerService,
    functions: Sequence[ServedFunction],
    folder: Path,
    *,
    concurrency: int,
    pools: Sequence[Pool] = (),
    max_children: int = 100,
    idle_seconds: float = 300,
    confinements: Confinements | None = None,
    passed: Sequence[str] = (),
    reload: bool = False,
    grace_seconds: float = 20,
    lines: Lines | None = None,
) -> AsyncIterator[Agent]:
    settings = AgentSettings(
        service=ServiceUrl.parse(service.url),
        functions=functions,
        limits=ChildLimits(concurrency, max_children, idle_seconds),
        pools=pools,
        confinements=confinements or Confinements(),
        passed=passed,
        reload=reload,
        cache=folder / "cache",
        grace_seconds=grace_seconds,
    )
    agent = Agent(settings, (lines or Lines()).say, os.environ)
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(agent.run())
        try:
            await agent.registered.wait()
            yield agent
        finally:
            agent.stop()
            await work


def runtimes_of(pid: int) -> list[psutil.Process]:
    """The runtime processes that `pid` supervises; other tests' services are its children too."""
    return [child for child in psutil.Process(pid).children() if _is_runtime(child)]


def _is_runtime(process: psutil.Process) -> bool:
    try:
        if process.status() == "zombie":
            return False
        return not _CLIENTS.isdisjoint(map(_base, process.cmdline()))
    except psutil.NoSuchProcess:
        return False


def _base(word: str) -> str:
    return word.rpartition("node_modules/")[2]


def is_gone(process: psutil.Process) -> bool:
    # Not psutil's wait: it would take the child's exit status from asyncio.
    return not process.is_running()
