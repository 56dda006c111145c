"""One runtime process and everything that belongs to it: its port, its log, its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from perdure.worker.bound import bound_to_us
from perdure.worker.environment import runtime_environment
from perdure.worker.invocation import (
    Invocation,
    Outcome,
    Result,
    error_result,
    exited,
    timed_out,
)
from perdure.worker.lambda_proxy import LambdaProxy
from perdure.worker.log_capture import Emit, capture_frames, capture_lines
from perdure.worker.plan import ChildPlan
from perdure.worker.runtime_api import runtime_api
from perdure.worker.runtime_session import RuntimeSession
from perdure.worker.waiting import first_of

_DEATH_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class InitFailure:
    """A runtime that never asked for work: what it posted, or how it ended, or neither: it hung."""

    posted: bytes | None = None
    error_type: str = "Runtime.ExitError"
    reason: str = "Runtime exited without providing a reason"

    def __str__(self) -> str:
        return self.posted.decode("utf-8", "replace") if self.posted is not None else self.reason

    def result_for(self, invocation: Invocation) -> Result:
        if self.posted is not None:
            return Result(Outcome.INIT_ERROR, self.posted)
        message = f"RequestId: {invocation.id} Error: {self.reason}"
        return error_result(Outcome.INIT_ERROR, self.error_type, message)


class Child:
    """The supervisor's view of a running process. One invocation at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        session: RuntimeSession,
        ended: asyncio.Future[int],
    ) -> None:
        self._process = process
        self._session = session
        self._ended = ended

    @property
    def has_ended(self) -> bool:
        return self._ended.done()

    async def until_settled(self, limit_seconds: float) -> None:
        """Wait until it asks for work or will never do so, or the time is over."""
        session = self._session
        await first_of(session.asked, session.init_failed, self._ended, limit_seconds=limit_seconds)

    async def until_ready(self, limit_seconds: float) -> InitFailure | None:
        """Wait until it asks for work; None once it does. Kills it at the limit."""
        session = self._session
        await self.until_settled(limit_seconds)
        if session.init_failed.done():
            return InitFailure(posted=session.init_failed.result())
        if self._ended.done():
            return InitFailure(reason=f"Runtime {self._how()}")
        if session.asked.done():
            return None
        self.kill()
        return InitFailure(
            error_type="Sandbox.Timedout",
            reason=f"Task timed out after {limit_seconds:.2f} seconds",
        )

    async def until_handed(
        self, handoff: asyncio.Future[Invocation], limit_seconds: float
    ) -> Invocation | None:
        """Wait idle for work; None if the process ended or the time is over."""
        await first_of(handoff, self._ended, limit_seconds=limit_seconds)
        return handoff.result() if handoff.done() else None

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one invocation to its end, whatever that is; kills the process at the timeout."""
        result = self._session.deliver(invocation)
        await first_of(result, self._ended, limit_seconds=invocation.timeout_seconds)
        if result.done():
            return result.result()
        if self._ended.done():
            return exited(invocation, Outcome.EXIT, _manner(self._ended.result()))
        self.kill()
        return timed_out(invocation)

    def kill(self) -> None:
        """Kill the process and what it started. Safe to repeat."""
        with suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(self._process.pid, signal.SIGKILL)

    def _how(self) -> str:
        manner = _manner(self._ended.result())
        return f"exited with error: {manner}" if manner else "exited without providing a reason"


def _manner(status: int) -> str | None:
    if status < 0:
        return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
    return f"exit status {status}" if status else None


@asynccontextmanager
async def running_child(
    plan: ChildPlan,
    folder: Path,
    users: Mapping[str, str],
    proxy: LambdaProxy,
    emit: Emit,
    tasks: asyncio.TaskGroup,
) -> AsyncIterator[Child]:
    """Start a runtime process; on leaving it is dead and its last lines are out.

    Raises OSError if no process can be started.
    """
    session = RuntimeSession()
    async with (
        runtime_api(session, proxy, tasks) as port,
        _pipe() as output,
        _pipe() as frames,
    ):
        process = await asyncio.create_subprocess_exec(
            *bound_to_us(plan.runtime.command(plan.handler)),
            cwd=folder,
            env=runtime_environment(
                users, plan, folder, port=port, log_descriptor=frames.childs_end
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output.childs_end,
            stderr=output.childs_end,
            pass_fds=(frames.childs_end,),
            start_new_session=True,
        )
        output.hand_over()
        frames.hand_over()
        log = {
            tasks.create_task(capture_lines(output.reader, emit)),
            tasks.create_task(capture_frames(frames.reader, emit)),
        }
        ended = tasks.create_task(process.wait())
        child = Child(process, session, ended)
        try:
            yield child
        finally:
            child.kill()
            await asyncio.wait({ended}, timeout=_DEATH_SECONDS)
            # A process that it left behind in another session may keep the pipes open.
            await asyncio.wait(log, timeout=_LAST_WORDS_SECONDS)
            for task in {*log, ended}:
                task.cancel()


@dataclass(slots=True)
class _Pipe:
    reader: asyncio.StreamReader
    childs_end: int

    def hand_over(self) -> None:
        """The child has its end now: close ours, or the pipe would never end."""
        if self.childs_end >= 0:
            os.close(self.childs_end)
            self.childs_end = -1


@asynccontextmanager
async def _pipe() -> AsyncIterator[_Pipe]:
    ours, childs = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
    )
    pipe = _Pipe(reader, childs)
    try:
        yield pipe
    finally:
        pipe.hand_over()
        transport.close()
