"""A service as far as a worker can see it: the worker protocol, with a queue in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
import uuid
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from perdure.http import http1
from perdure.http.http1 import Answer, Request

JSON = (b"content-type", b"application/json")
POLL = b"application/vnd.perdure.poll"


@dataclass(frozen=True, slots=True)
class SeenResult:
    outcome: str
    body: bytes

    log_tail: str | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class WorkerService:
    """Tests put work in with `invoke` and look at what a worker has said."""

    port: int = 0
    queue: deque[tuple[dict[str, Any], bytes]] = field(default_factory=deque)
    registrations: list[dict[str, Any]] = field(default_factory=list)
    code: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    results: dict[str, list[SeenResult]] = field(default_factory=dict)
    confirmed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    log_batches: list[dict[str, Any]] = field(default_factory=list)
    log_answer: Answer = Answer(200, (JSON,), b"{}")
    proxied: list[Request] = field(default_factory=list)
    lambda_api: Callable[[Request], Answer] = lambda _: Answer(200, (JSON,), b"{}")
    loses_answer_to: Callable[[Request], bool] = lambda _: False
    """Says after which poll the connection breaks: its results have come, no answer goes. Once."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _latest_poll: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; on the same port again after a `stop`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be gone as a killed process is: what was known is kept, connections break."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def invoke(
        self, name: str, payload: Any, *, timeout_seconds: float = 30, **header: Any
    ) -> str:
        invocation = {
            "InvocationId": str(uuid.uuid4()),
            "FunctionName": name,
            "Version": "$LATEST",
            "FunctionArn": f"arn:aws:lambda:eu-west-3:000000000000:function:{name}:$LATEST",
            "CodeSha256": None,
            "Handler": "app.handler",
            "TimeoutSeconds": timeout_seconds,
            "TraceId": None,
            "TenantId": None,
            "ClientContext": None,
            **header,
        }
        async with self.changed:
            self.queue.append((invocation, json.dumps(payload).encode()))
            self.changed.notify_all()
        return str(invocation["InvocationId"])

    def deploy(self, content: bytes, runtime: str, **configuration: Any) -> dict[str, Any]:
        """Have code, for `invoke`: what the header says of a function that was deployed so."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.code[sha256] = content
        return {
            "CodeSha256": sha256,
            "Runtime": runtime,
            "Environment": {},
            "MemorySize": 256,
            "Durable": False,
            "RevisionId": sha256,
            **configuration,
        }

    async def result(self, invocation_id: str) -> SeenResult:
        await self.until(lambda: invocation_id in self.results)
        return self.results[invocation_id][0]

    async def call(self, name: str, payload: Any, **header: Any) -> SeenResult:
        return await self.result(await self.invoke(name, payload, **header))

    def logged(self, invocation_id: str | None) -> list[str]:
        """The lines that this invocation wrote; those of the starts for None."""
        return [
            text
            for batch in self.log_batches
            for chunk in batch["Chunks"]
            if chunk["RequestId"] == invocation_id
            for _, text in chunk["Lines"]
        ]

    async def until(self, fact: Callable[[], bool], limit_seconds: float = 20) -> None:
        async with asyncio.timeout(limit_seconds), self.changed:
            await self.changed.wait_for(fact)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await http1.read_request(reader, writer)) is not None:
                if self.loses_answer_to(request):
                    self.loses_answer_to = lambda _: False
                    self._with_results(request)
                    return
                answer = await self._answer(request)
                head = http1.answer_head(answer.status, answer.fields, len(answer.body))
                http1.send(writer, head, answer.body)
                await writer.drain()
                async with self.changed:
                    self.changed.notify_all()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, request: Request) -> Answer:
        parts = request.target.decode().strip("/").split("/")
        match request.method, parts:
            case b"POST", ["v1", "workers"]:
                return self._register(json.loads(request.body))
            case b"PUT", ["v1", "code", sha256]:
                self.code[sha256] = request.body
                return Answer(201, (JSON,), b"{}")
            case b"GET", ["v1", "code", sha256] if sha256 in self.code:
                self.fetched.append(sha256)
                return Answer(200, (), self.code[sha256])
            case _, ["v1", "workers", worker, *_] if worker not in self.known:
                return _not_found()
            case b"POST", ["v1", "workers", _, "poll"]:
                return await self._poll(self._with_results(request))
            case b"POST", ["v1", "workers", _, "invocations", invocation_id, "result"]:
                outcome = http1.field(request.fields, b"perdure-outcome")
                assert outcome is not None
                seen = self.results.setdefault(invocation_id, [])
                tail = http1.field(request.fields, b"perdure-log-tail")
                told = None if tail is None else b64decode(tail).decode()
                seen.append(SeenResult(outcome.decode(), request.body, told))
                return Answer(202, (JSON,), b"{}")
            case b"POST", ["v1", "workers", _, "heartbeat"]:
                self.held = json.loads(request.body)["Held"]
                return Answer(200, (JSON,), b"{}")
            case b"POST", ["v1", "workers", _, "logs"]:
                self.log_batches.append(json.loads(request.body))
                return self.log_answer
            case b"DELETE", ["v1", "workers", worker]:
                self.left.append(worker)
                self._latest_poll += 1  # nobody hears the answer of the one that it left behind
                return Answer(200, (JSON,), b"{}")
            case _, ["v1", *_]:
                return _not_found()
            case _:
                self.proxied.append(request)
                return self.lambda_api(request)

    def _register(self, body: dict[str, Any]) -> Answer:
        self.registrations.append(body)
        self.known.add(body["WorkerId"])
        functions = [
            {
                "FunctionName": function["FunctionName"],
                "FunctionArn": "arn:aws:lambda:eu-west-3:000000000000:function:"
                + function["FunctionName"],
                "CodeMissing": function["CodeSha256"] not in self.code,
            }
            for function in body["Functions"]
        ]
        answer = {"LeaseSeconds": 8, "HeartbeatSeconds": 0.1, "Functions": functions}
        return Answer(200, (JSON,), json.dumps(answer).encode())

    async def _poll(self, body: dict[str, Any]) -> Answer:
        self._latest_poll += 1
        number = self._latest_poll
        self.confirmed += body["Confirm"]
        async with self.changed:
            self.changed.notify_all()
            try:
                async with asyncio.timeout(body["WaitSeconds"]):
                    await self.changed.wait_for(
                        lambda: number < self._latest_poll or self._servable(body)
                    )
            except TimeoutError:
                pass
            # A poll whose place another one took has nothing to offer any more.
            taken = self._take(body) if number == self._latest_poll else []
            frames = [_frame(*work) for work in taken]
        return Answer(
            200, ((b"content-type", b"application/vnd.perdure.invocations"),), b"".join(frames)
        )

    def _with_results(self, request: Request) -> dict[str, Any]:
        """The body of a poll, after what it says of results is noted."""
        if http1.field(request.fields, b"content-type") != POLL:
            return dict(json.loads(request.body))
        head, *bodies = _split(request.body)
        document: dict[str, Any] = json.loads(head)
        for ended, body in zip(document["Results"], bodies, strict=True):
            seen = self.results.setdefault(ended["InvocationId"], [])
            seen.append(SeenResult(ended["Outcome"], body))
        return document

    def _servable(self, offer: dict[str, Any]) -> bool:
        return any(self._free(offer, header) for header, _ in self.queue)

    def _take(self, offer: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
        taken = []
        for work in tuple(self.queue):
            free = self._free(offer, work[0])
            if free:
                if "Runtime" in work[0]:
                    offer["PoolFree"]["Total"] -= 1
                    offer["PoolFree"]["Functions"][work[0]["FunctionName"]] = free - 1
                else:
                    offer["Free"][work[0]["FunctionName"]] = free - 1
                self.queue.remove(work)
                taken.append(work)
        return taken

    def _free(self, offer: dict[str, Any], header: dict[str, Any]) -> int:
        """Slots that a worker has for this work."""
        name = header["FunctionName"]
        if "Runtime" not in header:
            return int(offer["Free"].get(name, 0))
        registration = self.registrations[-1]
        served = {pool["Runtime"] for pool in registration.get("Pools", ())}
        if header["Runtime"] not in served or offer["PoolFree"]["Total"] == 0:
            return 0
        return int(offer["PoolFree"]["Functions"].get(name, registration["PoolConcurrency"]))


def _split(body: bytes) -> list[bytes]:
    frames = []
    while body:
        (size,) = struct.unpack(">I", body[:4])
        frames.append(body[4 : 4 + size])
        body = body[4 + size :]
    return frames


def _frame(header: dict[str, Any], payload: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text + struct.pack(">I", len(payload)) + payload


def _not_found() -> Answer:
    return Answer(
        404,
        (JSON, (b"x-amzn-errortype", b"ResourceNotFoundException")),
        b'{"Type":"User","Message":"Unknown"}',
    )


@asynccontextmanager
async def worker_service() -> AsyncIterator[WorkerService]:
    service = WorkerService()
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
