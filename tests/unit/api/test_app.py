"""The whole app around use cases that do what a test needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from perdure_service.api.app import Readiness, build_app
from perdure_service.application.markers import Markers
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.limits import Limits
from perdure_service.domain.tokens import KeyRing

NOT_READY = Readiness(ok=False, details={"problems": ["Postgres is away."]})


class Unexpected(Exception):
    pass


class Broken:
    """Use cases that have a bug."""

    limits = Limits()

    async def __call__(self, *_: Any, **__: Any) -> Any:
        raise Unexpected


class Endless:
    """An Invoke whose execution never closes."""

    limits = Limits()

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, *_: Any) -> Any:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.let_go.set()


def app(**use_cases: Any) -> Any:
    wired = dict.fromkeys(UseCases.__dataclass_fields__, None) | {"invoke": Broken()} | use_cases
    return build_app(
        cast(UseCases, SimpleNamespace(**wired)),
        ready=lambda: NOT_READY,
        markers=Markers(KeyRing({}, 0), cast(Any, None)),
    )


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def get(path: str, **use_cases: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app(**use_cases))
    async with httpx.AsyncClient(transport=transport, base_url="http://perdure") as client:
        return await client.get(path)


async def test_a_service_that_is_not_ready_says_why() -> None:
    answer = await get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "problems": ["Postgres is away."]}


STATE = "/2025-12-01/durable-executions/arn/state?CheckpointToken=QUJD"
GET = "/2025-12-01/durable-executions/arn"


@pytest.mark.parametrize("path", [STATE, GET], ids=["hot", "fastapi"])
async def test_a_bug_is_500_with_one_traceback_in_the_log(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await get(path, read_state=Broken(), read_execution=Broken())
    assert answer.status_code == 500
    assert answer.headers["x-amzn-errortype"] == "ServiceException"
    assert answer.headers["x-amzn-requestid"]
    loud = [record for record in caplog.records if record.levelno > logging.INFO]
    assert [record.name for record in loud] == ["perdure_service.api.errors"]


async def test_a_caller_who_hangs_up_frees_the_waiter_at_once() -> None:
    invoke, sent = Endless(), []
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await invoke.waiting.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/2015-03-31/functions/f/invocations",
        "query_string": b"",
        "headers": [],
    }
    async with asyncio.timeout(5):
        await app(invoke=invoke)(scope, receive, send)
    assert invoke.let_go.is_set()
    assert sent == []
