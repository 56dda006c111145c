"""One runtime process and everything that belongs to it: its port, its log, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from perdure.worker.bound import kill_group
from perdure.worker.environment import LogPlace, runtime_environment
from perdure.worker.invocation import (
    EXIT_ERROR,
    Invocation,
    Outcome,
    Result,
    ended_early,
    how_it_ended,
    timed_out,
)
from perdure.worker.lambda_proxy import LambdaProxy
from perdure.worker.launch import Launch
from perdure.worker.log_capture import CapturedPipe, FrameSplitter, LineSplitter
from perdure.worker.memory import MemoryWatch, largest_of_family
from perdure.worker.peak_memory import PeakMemory
from perdure.worker.plan import ChildPlan
from perdure.worker.process_end import InitFailure, init_failure
from perdure.worker.process_log import RuntimeLog
from perdure.worker.runtime_api import runtime_api
from perdure.worker.runtime_session import RuntimeSession
from perdure.worker.waiting import first_of

_DEATH_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0


class Child:
    """The supervisor's view of a running process. One invocation at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        session: RuntimeSession,
        ended: asyncio.Future[int],
        output: ChildOutput,
        memory: _MemoryLimit,
    ) -> None:
        self._process = process
        self._session = session
        self._ended = ended
        self._output = output
        self._memory = memory

    @property
    def has_ended(self) -> bool:
        return self._ended.done()

    def how_it_ended(self) -> str:
        return how_it_ended(self._ended.result())

    async def until_settled(self, limit_seconds: float) -> None:
        """Wait until it asks for work or will never do so, or the time is over."""
        session = self._session
        with self._memory.enforced(self._end_for_memory):
            await first_of(
                session.asked, session.init_failed, self._ended, limit_seconds=limit_seconds
            )

    async def until_ready(self, limit_seconds: float) -> InitFailure | None:
        """Wait until it asks for work; None once it does. Kills it at the limit."""
        session = self._session
        await self.until_settled(limit_seconds)
        failure = init_failure(
            session.asked, session.init_failed, self._ended, limit_seconds, self._death_type()
        )
        if failure is None:
            self._output.ready()
        else:
            self.kill()
        return failure

    async def until_handed(
        self, handoff: asyncio.Future[Invocation], limit_seconds: float
    ) -> Invocation | None:
        """Wait idle for work; None if the process ended or the time is over."""
        await first_of(handoff, self._ended, limit_seconds=limit_seconds)
        return handoff.result() if handoff.done() else None

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one invocation to its end, whatever that is; kills the process at the timeout."""
        self._output.begin(invocation)
        return self._output.end(await self._run(invocation))

    async def _run(self, invocation: Invocation) -> Result:
        result = self._session.deliver(invocation)
        with self._memory.enforced(self._end_for_memory):
            await first_of(result, self._ended, limit_seconds=invocation.timeout_seconds)
        if result.done():
            return result.result()
        if self._ended.done():
            reason = f"Runtime {self.how_it_ended()}"
            return ended_early(invocation.id, Outcome.EXIT, self._death_type(), reason)
        self.kill()
        return timed_out(invocation)

    def kill(self) -> None:
        """Kill the process and what it started. Safe to repeat."""
        kill_group(self._process.pid)

    def _end_for_memory(self) -> None:
        self._output.has_taken(self._memory.megabytes)
        self.kill()

    def _death_type(self) -> str:
        return "Runtime.OutOfMemory" if self._memory.was_exceeded else EXIT_ERROR


class _MemoryLimit:
    """Of one process; None megabytes are no limit."""

    def __init__(self, watch: MemoryWatch, pid: int, megabytes: int | None) -> None:
        self._watch = watch
        self._pid = pid
        self.megabytes = megabytes
        self.was_exceeded = False

    @contextmanager
    def enforced(self, kill: Callable[[], None]) -> Iterator[None]:
        def exceeded() -> None:
            self.was_exceeded = True
            kill()

        if self.megabytes is None:
            yield
            return
        with self._watch.over(self._pid, self.megabytes * 1024 * 1024, exceeded):
            yield


class ChildOutput:
    """What a process writes, on its way into its log. Raises OSError."""

    def __init__(self, log: RuntimeLog) -> None:
        self.log = log
        self.output = CapturedPipe(LineSplitter(), log.write)
        try:
            self.frames = CapturedPipe(FrameSplitter(), log.write)
        except OSError:
            self.output.close()
            raise
        self._pid = 0
        self._memory: PeakMemory | None = None

    def started(self, pid: int) -> None:
        """The process has its ends of the pipes."""
        self.output.hand_over()
        self.frames.hand_over()
        self._pid = pid
        self._memory = PeakMemory(pid)

    def ready(self) -> None:
        self.log.process.ready()
        if self._memory is not None and not self._memory.megabytes:
            self._memory.close()
            self._memory = PeakMemory(largest_of_family(self._pid))
            self._memory.measure()

    def begin(self, invocation: Invocation) -> None:
        self._read_now()
        self.log.begin(invocation)

    def has_taken(self, megabytes: int | None) -> None:
        """So much at least, by itself or with what it started."""
        if self._memory is not None and megabytes is not None:
            self._memory.megabytes = max(self._memory.megabytes, megabytes)

    def end(self, result: Result) -> Result:
        """What it wrote before its result stands before the end."""
        self._read_now()
        if self._memory is not None:
            self._memory.measure()
        return self.log.end(result, self._memory)

    async def last_words(self) -> None:
        """Read to the end. A process that it left behind in another session may keep the pipes
        open: then for a moment only."""
        await asyncio.wait({self.output.ended, self.frames.ended}, timeout=_LAST_WORDS_SECONDS)

    def close(self) -> None:
        self.output.close()
        self.frames.close()
        if self._memory is not None:
            self._memory.close()

    def _read_now(self) -> None:
        self.output.read_now()
        self.frames.read_now()


@asynccontextmanager
async def running_child(
    plan: ChildPlan,
    folder: Path,
    launch: Launch,
    proxy: LambdaProxy,
    log: RuntimeLog,
    memory: MemoryWatch,
    tasks: asyncio.TaskGroup,
) -> AsyncIterator[Child]:
    """Start a runtime process; on leaving it is dead and its last lines are out.

    Raises OSError if no process can be started.
    """
    session = RuntimeSession()
    async with runtime_api(session, proxy, tasks) as port:
        output = ChildOutput(log)
        frames = output.frames.childs_end
        place = LogPlace(log.process.group, log.process.stream, frames)
        try:
            process = await asyncio.create_subprocess_exec(
                *launch.command,
                cwd=str(folder),
                env=runtime_environment(
                    launch.users,
                    plan,
                    folder,
                    endpoint=f"http://127.0.0.1:{port}",
                    runtime_api=f"127.0.0.1:{port}",
                    log=place,
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.output.childs_end,
                stderr=output.output.childs_end,
                pass_fds=(frames,),
                start_new_session=True,
            )
            output.started(process.pid)
            ended = tasks.create_task(process.wait())
            held = _MemoryLimit(memory, process.pid, launch.memory_mb)
            child = Child(process, session, ended, output, held)
            try:
                yield child
            finally:
                child.kill()
                await asyncio.wait({ended}, timeout=_DEATH_SECONDS)
                await output.last_words()
                ended.cancel()
        finally:
            output.close()
