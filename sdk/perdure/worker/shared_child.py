"""A process that runs many invocations of one function, and everything that belongs to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, cast

from perdure.http.connections import ServiceUrl
from perdure.worker.bound import kill_group
from perdure.worker.channel import BrokenChannel, Decoder, Kind, encode
from perdure.worker.environment import LogPlace, runtime_environment
from perdure.worker.in_process_runtime import CHANNEL_VARIABLE, CONCURRENCY_VARIABLE
from perdure.worker.invocation import Invocation, InvocationId, Outcome, Result, how_it_ended
from perdure.worker.launch import Launch
from perdure.worker.log_capture import CapturedPipe, LineSplitter
from perdure.worker.peak_memory import PeakMemory
from perdure.worker.plan import ChildPlan
from perdure.worker.process_end import InitFailure, init_failure
from perdure.worker.process_log import SharedLog
from perdure.worker.waiting import first_of

_DEATH_SECONDS: Final = 5.0
_LEAVE_SECONDS: Final = 2.0
_LAST_WORDS_SECONDS: Final = 1.0
_MEASURE_SECONDS: Final = 1.0


class Listener(Protocol):
    """Hears what becomes of invocations."""

    def ended(self, invocation_id: InvocationId, result: Result) -> None: ...
    def worn(self, reason: str) -> None: ...


class SharedChild(asyncio.Protocol):
    """The supervisor's view of it, and its end of the channel."""

    def __init__(self, log: SharedLog) -> None:
        self.log = log
        self.listener: Listener | None = None
        self.has_failed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.is_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.memory: PeakMemory | None = None
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._pid = 0
        self._measured_at = float("-inf")
        self._ended: asyncio.Future[int] | None = None

    @property
    def end(self) -> asyncio.Future[int]:
        """Done with the exit status."""
        assert self._ended is not None
        return self._ended

    async def until_settled(self, limit_seconds: float) -> None:
        """Wait until the handler is loaded, or never will be, or the time is over."""
        await first_of(self.is_ready, self.has_failed, self.end, limit_seconds=limit_seconds)

    async def until_ready(self, limit_seconds: float) -> InitFailure | None:
        """Wait until the handler is loaded; None once it is. Kills the process at the limit."""
        await self.until_settled(limit_seconds)
        failure = init_failure(self.is_ready, self.has_failed, self.end, limit_seconds)
        if failure is not None:
            self.kill()
        return failure

    def run(self, invocation: Invocation) -> None:
        if self._transport is None:
            return  # it has died, which whoever waits for `end` will see
        self._transport.write(
            encode(
                Kind.RUN,
                invocation.payload,
                InvocationId=invocation.id,
                FunctionArn=invocation.function_arn,
                TimeoutSeconds=invocation.timeout_seconds,
                TraceId=invocation.trace_id,
                TenantId=invocation.tenant_id,
                ClientContext=invocation.client_context,
            )
        )

    def log_end(self, invocation_id: InvocationId, result: Result) -> Result:
        """`result`, with what belongs to it of the log."""
        now = asyncio.get_running_loop().time()
        if self.memory is not None and now - self._measured_at > _MEASURE_SECONDS:
            self.memory.measure()
            self._measured_at = now
        return self.log.end(invocation_id, result, self.memory)

    def how_it_ended(self) -> str:
        return how_it_ended(self.end.result())

    def kill(self) -> None:
        """Kill the process and what it started. Safe to repeat."""
        if self._pid:
            kill_group(self._pid)

    async def leave(self) -> None:
        """There is no more work: it may end by itself, within a moment."""
        if self._transport is not None:
            self._transport.close()
        await first_of(self.end, limit_seconds=_LEAVE_SECONDS)

    def started(self, pid: int, ended: asyncio.Future[int]) -> None:
        self._pid, self._ended = pid, ended
        self.memory = PeakMemory(pid)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, members, payload in self._decoder.feed(data):
                self._hear(kind, members, payload)
        except BrokenChannel:
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self.memory is not None:
            self.memory.close()

    def _hear(self, kind: Kind, members: Mapping[str, Any], payload: bytes) -> None:
        match kind:
            case Kind.ENDED if self.listener is not None:
                result = Result(Outcome(members["Outcome"]), payload)
                self.listener.ended(InvocationId(members["InvocationId"]), result)
            case Kind.WROTE:
                text = payload.decode("utf-8", "replace")
                self.log.wrote(InvocationId(members["InvocationId"]), members["At"], text)
            case Kind.READY if not self.is_ready.done():
                self.is_ready.set_result(None)
            case Kind.FAILED if not self.has_failed.done():
                self.has_failed.set_result(payload)
            case Kind.WORN if self.listener is not None:
                self.listener.worn(members["Reason"])
            case _:
                pass


@asynccontextmanager
async def running_shared_child(
    plan: ChildPlan,
    folder: Path,
    launch: Launch,
    concurrency: int,
    service: ServiceUrl,
    log: SharedLog,
    tasks: asyncio.TaskGroup,
) -> AsyncIterator[SharedChild]:
    """Start such a process; on leaving it is dead and its last lines are out.

    Raises OSError if no process can be started.
    """
    child = SharedChild(log)
    ours, childs = socket.socketpair()
    output = CapturedPipe(LineSplitter(), log.process.write)
    environment = runtime_environment(
        launch.users,
        plan,
        folder,
        endpoint=str(service),
        log=LogPlace(log.process.group, log.process.stream),
    )
    environment[CHANNEL_VARIABLE] = str(childs.fileno())
    environment[CONCURRENCY_VARIABLE] = str(concurrency)
    try:
        with childs:
            process = await asyncio.create_subprocess_exec(
                *launch.command,
                cwd=str(folder),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.childs_end,
                stderr=output.childs_end,
                pass_fds=(childs.fileno(),),
                start_new_session=True,
            )
        output.hand_over()
        ended = tasks.create_task(process.wait())
        child.started(process.pid, ended)
        try:
            ours.setblocking(False)
            await asyncio.get_running_loop().create_unix_connection(lambda: child, sock=ours)
            yield child
        finally:
            child.kill()
            await asyncio.wait({ended}, timeout=_DEATH_SECONDS)
            await asyncio.wait({output.ended}, timeout=_LAST_WORDS_SECONDS)
            ended.cancel()
    finally:
        child.close()
        ours.close()
        output.close()
