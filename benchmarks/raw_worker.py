"""A worker without an SDK: the agent's protocol and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from benchmarks.http1 import Client, Refused, head
from benchmarks.lambda_api import checkpoint_body, checkpoint_head, next_token

_LENGTH = struct.Struct(">I")
_RETRY_SECONDS = 0.02

PENDING = b'{"Status":"PENDING"}'
SUCCEEDED = b'{"Status":"SUCCEEDED","Result":"\\"done\\""}'


@dataclass(slots=True)
class Invocation:
    """One invocation as it was received, its token moving on with every checkpoint."""

    id: str
    arn: str
    token: str
    operations: list[dict[str, Any]]
    client: Client
    _checkpoint: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._checkpoint = checkpoint_head(self.arn)

    @property
    def input(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.operations[0]["ExecutionDetails"]["InputPayload"])
        return parsed

    async def checkpoint(self, packed: bytes) -> bytes:
        """Send packed updates; the answer."""
        answer = await self.client.request(self._checkpoint, checkpoint_body(self.token, packed))
        self.token = next_token(answer)
        return answer


Handler = Callable[[Invocation], Awaitable[tuple[str, bytes] | None]]
"""The outcome and the result's body; None keeps the invocation running for good."""


class RawWorker:
    """Registers one function, polls, and runs `handler` for what comes."""

    def __init__(self, url: str, function: str, handler: Handler, slots: int = 10_000) -> None:
        self.client = Client(url)
        self._own_line = Client(url)  # a poll never waits behind checkpoints
        self.held: set[str] = set()
        self.ended = asyncio.Event()  # set whenever an invocation has
        self._function = function
        self._handler = handler
        self._slots = slots
        self._id = str(uuid.uuid4())
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeat_seconds = 2.0

    async def start(self) -> None:
        """Register, then poll and tell the service that we live for as long as the loop runs."""
        await self._register()
        self._own(self._poll_for_ever())
        self._own(self._beat_for_ever())

    async def _register(self) -> None:
        function = {
            "FunctionName": self._function,
            "DurableConfig": {"ExecutionTimeout": 86_400, "RetentionPeriodInDays": 1},
            "Timeout": 900,
            "MemorySize": 128,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "CodeSha256": None,
        }
        body = {
            "WorkerId": self._id,
            "Host": "bench",
            "Pid": os.getpid(),
            "Functions": [function],
            "Held": sorted(self.held),
        }
        answer = await self._own_line.request(
            head("POST", "/v1/workers"), json.dumps(body).encode()
        )
        self._heartbeat_seconds = json.loads(answer)["HeartbeatSeconds"]

    async def _poll_for_ever(self) -> None:
        path = head("POST", f"/v1/workers/{self._id}/poll")
        confirmed: list[str] = []
        while True:
            body = {
                "Free": {self._function: self._slots - len(self.held)},
                "Confirm": confirmed,
                "WaitSeconds": 20,
            }
            try:
                frames = await self._own_line.request(path, json.dumps(body).encode())
            except (OSError, Refused):
                confirmed = []
                await self._come_back()
                continue
            received = list(self._invocations(frames))
            confirmed = [invocation.id for invocation in received]
            self.held.update(confirmed)
            for invocation in received:
                self._own(self._run(invocation))

    async def _come_back(self) -> None:
        """The service is away, or has forgotten us: register until it answers."""
        while True:
            try:
                await self._register()
                return
            except (OSError, Refused):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _beat_for_ever(self) -> None:
        path = head("POST", f"/v1/workers/{self._id}/heartbeat")
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                body = json.dumps({"Held": sorted(self.held)}).encode()
                await self._own_line.request(path, body)
            except (OSError, Refused):
                continue  # the poll notices it too, and registers

    def _invocations(self, frames: bytes) -> list[Invocation]:
        found, at = [], 0
        while at < len(frames):
            header, at = _frame(frames, at)
            payload, at = _frame(frames, at)
            event = json.loads(payload)
            found.append(
                Invocation(
                    id=json.loads(header)["InvocationId"],
                    arn=event["DurableExecutionArn"],
                    token=event["CheckpointToken"],
                    operations=event["InitialExecutionState"]["Operations"],
                    client=self.client,
                )
            )
        return found

    async def _run(self, invocation: Invocation) -> None:
        ended = await self._handler(invocation)
        if ended is not None:
            outcome, result = ended
            path = f"/v1/workers/{self._id}/invocations/{invocation.id}/result"
            await self.client.request(head("POST", path, f"perdure-outcome: {outcome}"), result)
            self.held.discard(invocation.id)
            self.ended.set()

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _frame(frames: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(frames, at)
    begin = at + _LENGTH.size
    return frames[begin : begin + length], begin + length
