"""A worker that speaks the protocol by hand, one call at a time."""

from __future__ import annotations

import json
import struct
import uuid
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

_LENGTH = struct.Struct(">I")

DURABLE = {"ExecutionTimeout": 3_600, "RetentionPeriodInDays": 7}


@dataclass(frozen=True, slots=True)
class Delivered:
    """One invocation, as a frame of a poll's answer."""

    header: dict[str, Any]
    payload: bytes

    @property
    def id(self) -> str:
        return str(self.header["InvocationId"])

    @property
    def event(self) -> dict[str, Any]:
        event = json.loads(self.payload)
        assert isinstance(event, dict)
        return event

    @property
    def arn(self) -> str:
        return str(self.event["DurableExecutionArn"])

    @property
    def token(self) -> str:
        return str(self.event["CheckpointToken"])


@dataclass(frozen=True, slots=True)
class RawWorker:
    http: httpx.Client
    function: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def register(
        self, *, held: Sequence[str] = (), replaces: Sequence[str] = (), **changes: Any
    ) -> httpx.Response:
        """Registers its one function, a durable one unless changed."""
        body = self.registration(held=held, replaces=replaces, **changes)
        return self.http.post("/v1/workers", json=body)

    def registration(
        self, *, held: Sequence[str] = (), replaces: Sequence[str] = (), **changes: Any
    ) -> dict[str, Any]:
        function = {
            "FunctionName": self.function,
            "DurableConfig": DURABLE,
            "Timeout": 60,
            "MemorySize": 256,
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "CodeSha256": None,
        }
        return {
            "WorkerId": self.id,
            "Host": "here",
            "Pid": 42,
            "Functions": [{**function, **changes}],
            "Held": list(held),
            "Replaces": list(replaces),
        }

    def poll(self, *, slots: int = 1, wait_seconds: float = 10) -> list[Delivered]:
        body = {"Free": {self.function: slots}, "Confirm": [], "WaitSeconds": wait_seconds}
        answer = self.http.post(f"/v1/workers/{self.id}/poll", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/vnd.perdure.invocations"
        return list(_frames(answer.content))

    def poll_with_results(
        self, *results: tuple[Delivered, bytes], slots: int = 1, wait_seconds: float = 10
    ) -> list[Delivered]:
        """A poll that also says what invocations returned."""
        answer = self.send_poll(*results, slots=slots, wait_seconds=wait_seconds)
        assert answer.status_code == 200, answer.text
        return list(_frames(answer.content))

    def send_poll(
        self,
        *results: tuple[Delivered, bytes],
        slots: int = 1,
        wait_seconds: float = 0,
        outcome: str = "returned",
    ) -> httpx.Response:
        ended = [{"InvocationId": delivered.id, "Outcome": outcome} for delivered, _ in results]
        header = {
            "Free": {self.function: slots},
            "Confirm": [],
            "Results": ended,
            "WaitSeconds": wait_seconds,
        }
        frames = [json.dumps(header).encode(), *(body for _, body in results)]
        return self.http.post(
            f"/v1/workers/{self.id}/poll",
            content=b"".join(_LENGTH.pack(len(frame)) + frame for frame in frames),
            headers={"Content-Type": "application/vnd.perdure.poll"},
        )

    def take(self) -> Delivered:
        """The next invocation, its arrival confirmed."""
        (delivered,) = self.poll()
        self.heartbeat(delivered.id)
        return delivered

    def heartbeat(self, *held: str) -> httpx.Response:
        return self.http.post(f"/v1/workers/{self.id}/heartbeat", json={"Held": list(held)})

    def finish(
        self,
        delivered: Delivered,
        body: bytes,
        outcome: str = "returned",
        log_tail: bytes | None = None,
    ) -> httpx.Response:
        tail = {} if log_tail is None else {"Perdure-Log-Tail": b64encode(log_tail).decode()}
        return self.http.post(
            f"/v1/workers/{self.id}/invocations/{delivered.id}/result",
            content=body,
            headers={"Perdure-Outcome": outcome, **tail},
        )

    def succeed(self, delivered: Delivered, result: str = '"done"') -> None:
        answer = self.finish(
            delivered, json.dumps({"Status": "SUCCEEDED", "Result": result}).encode()
        )
        assert answer.status_code == 202, answer.text

    def suspend(self, delivered: Delivered) -> None:
        assert self.finish(delivered, b'{"Status": "PENDING"}').status_code == 202


@dataclass(frozen=True, slots=True)
class PoolWorker:
    """A worker that runs what was deployed for `runtime`."""

    http: httpx.Client
    runtime: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def register(self, *, per_function: int = 10, held: Sequence[str] = ()) -> httpx.Response:
        body = {
            "WorkerId": self.id,
            "Host": "here",
            "Pid": 43,
            "Functions": [],
            "Held": list(held),
            "Pools": [{"Runtime": self.runtime, "Interpreter": f"{self.runtime} of the tests"}],
            "PoolConcurrency": per_function,
        }
        return self.http.post("/v1/workers", json=body)

    def poll(
        self, *, total: int = 1, wait_seconds: float = 10, **functions: int
    ) -> list[Delivered]:
        """`functions` are the free slots of those that hold some."""
        body = {
            "Free": {},
            "PoolFree": {"Total": total, "Functions": functions},
            "Confirm": [],
            "WaitSeconds": wait_seconds,
        }
        answer = self.http.post(f"/v1/workers/{self.id}/poll", json=body)
        assert answer.status_code == 200, answer.text
        delivered = list(_frames(answer.content))
        self.heartbeat(*(one.id for one in delivered))
        return delivered

    def take(self) -> Delivered:
        (delivered,) = self.poll()
        return delivered

    def heartbeat(self, *held: str) -> httpx.Response:
        return self.http.post(f"/v1/workers/{self.id}/heartbeat", json={"Held": list(held)})

    def succeed(self, delivered: Delivered) -> None:
        answer = self.http.post(
            f"/v1/workers/{self.id}/invocations/{delivered.id}/result",
            content=json.dumps({"Status": "SUCCEEDED", "Result": '"done"'}).encode(),
            headers={"Perdure-Outcome": "returned"},
        )
        assert answer.status_code == 202, answer.text

    def leave(self) -> None:
        assert self.http.delete(f"/v1/workers/{self.id}").status_code == 200


def _frames(body: bytes) -> list[Delivered]:
    frames = []
    while body:
        header, body = _take(body)
        payload, body = _take(body)
        frames.append(Delivered(json.loads(header), payload))
    return frames


def _take(body: bytes) -> tuple[bytes, bytes]:
    (size,) = _LENGTH.unpack(body[:4])
    return body[4 : 4 + size], body[4 + size :]
