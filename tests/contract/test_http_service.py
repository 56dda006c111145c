"""perdure.transport: an invocation's calls over HTTP, through lost answers and restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure.http.connections import ServiceConnections, ServiceUrl
from perdure.service_api import CheckpointAnswer, OperationUpdate, ServiceCallFailed
from perdure.transport.endpoint import Unsigned
from perdure.transport.http_service import HttpService
from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService
from tests.support.answer_relay import AnswerRelay
from tests.support.postgres import DatabaseServer
from tests.support.service import running_service as service_process

NOBODY = (
    "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    "/durable-execution/n/00000000-0000-7000-8000-000000000000"
)


@asynccontextmanager
async def over_http(url: str, patience_seconds: float = 40) -> AsyncIterator[HttpService]:
    connections = ServiceConnections(ServiceUrl.parse(url))
    try:
        yield HttpService(connections, Unsigned(), patience_seconds=patience_seconds)
    finally:
        connections.close()


@pytest.fixture
def run(aws: Any, worker: RawWorker) -> ByHand:
    return ByHand.start(aws, worker)


def step(id_: str, payload: str = "1") -> OperationUpdate:
    return {"Id": id_, "Type": "STEP", "Action": "SUCCEED", "Payload": payload}


async def test_a_checkpoint_gives_the_next_token_and_what_changed(
    service: RunningService, run: ByHand
) -> None:
    async with over_http(service.url) as http:
        first = await http.checkpoint(run.arn, run.token, [step("a")], "one")
        token = first["CheckpointToken"]
        assert token is not None
        second = await http.checkpoint(run.arn, token, [step("b")], "two")
    assert [operation["Id"] for operation in second["NewExecutionState"]["Operations"]] == ["b"]


async def test_the_state_is_read_page_by_page(service: RunningService, run: ByHand) -> None:
    run.checkpoint(*({**step(id_)} for id_ in "abc"))
    seen: list[str] = []
    async with over_http(service.url) as http:
        marker = ""
        while True:
            page = await http.state(run.arn, run.token, marker, 2)
            seen += [operation["Id"] for operation in page["Operations"]]
            if not (marker := page.get("NextMarker", "")):
                break
    assert seen[1:] == ["a", "b", "c"], "after the execution itself"


async def test_large_payloads_come_back_whole(service: RunningService, run: ByHand) -> None:
    payload = json.dumps("ü" * (512 * 1024 - 8), ensure_ascii=False)
    updates = [step(f"large-{number}", payload) for number in range(5)]
    async with over_http(service.url) as http:
        answer = await http.checkpoint(run.arn, run.token, updates, "one")
        token, state = answer["CheckpointToken"], answer["NewExecutionState"]
        shown = list(state["Operations"])
        while marker := state.get("NextMarker", ""):
            assert token is not None
            state = await http.state(run.arn, token, marker, 1_000)
            shown += state["Operations"]
    assert [operation["StepDetails"]["Result"] for operation in shown] == [payload] * 5


async def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    service: RunningService, run: ByHand
) -> None:
    relay = AnswerRelay(service.port)
    with relay.running():
        async with over_http(relay.url) as http:
            relay.lose_the_next()
            await http.checkpoint(run.arn, run.token, [step("a")], "one")
    lost, repeated = relay.bodies
    assert repeated == lost


async def tried(
    http: HttpService, run: ByHand, updates: list[OperationUpdate], client_token: str
) -> CheckpointAnswer | None:
    """What an open connection brings."""
    heard: asyncio.Future[CheckpointAnswer | None] = asyncio.get_running_loop().create_future()
    assert http.try_checkpoint(run.arn, run.token, updates, client_token, heard.set_result)
    return await heard


async def test_a_checkpoint_can_be_tried_once_a_connection_is_open(
    service: RunningService, run: ByHand
) -> None:
    async with over_http(service.url) as http:
        assert not http.try_checkpoint(run.arn, run.token, [], "none", lambda _: None)
        await http.state(run.arn, run.token, "", 1)
        answer = await tried(http, run, [step("a")], "one")
        assert answer is not None
        assert answer["CheckpointToken"] is not None
        assert [each["Id"] for each in answer["NewExecutionState"]["Operations"]] == ["a"]
        assert await tried(http, run, [step("b")], "two") is None, "that token is stale"


async def test_a_try_whose_answer_is_lost_is_repeated_and_nothing_is_done_twice(
    service: RunningService, run: ByHand
) -> None:
    relay = AnswerRelay(service.port)
    with relay.running():
        async with over_http(relay.url) as http:
            await http.state(run.arn, run.token, "", 1)
            relay.lose_the_next()
            assert await tried(http, run, [step("a")], "one") is None
            await http.checkpoint(run.arn, run.token, [step("a")], "one")
    _, lost, repeated = relay.bodies
    assert repeated == lost


async def test_a_thread_can_make_a_checkpoint_of_its_own(
    service: RunningService, run: ByHand
) -> None:
    async with over_http(service.url) as http:
        here = http.try_checkpoint_here
        answer = await asyncio.to_thread(here, run.arn, run.token, [step("a")], "one")
        assert answer is not None
        assert [each["Id"] for each in answer["NewExecutionState"]["Operations"]] == ["a"]
        stale = await asyncio.to_thread(here, run.arn, run.token, [step("b")], "two")
        assert stale is None, "`checkpoint` says why"
        http.close()
    async with over_http("http://127.0.0.1:9") as http:
        here = http.try_checkpoint_here
        assert await asyncio.to_thread(here, NOBODY, "bm9uZQ==", [], "one") is None


async def test_a_stale_token_is_told_from_other_refusals(
    service: RunningService, run: ByHand
) -> None:
    stale = run.token
    run.checkpoint()
    async with over_http(service.url) as http:
        with pytest.raises(ServiceCallFailed, match="Invalid checkpoint token") as refused:
            await http.checkpoint(run.arn, stale, [], "one")
        assert refused.value.stale_token
        with pytest.raises(ServiceCallFailed) as illegal:
            await http.checkpoint(
                run.arn, run.token, [{"Id": "w", "Type": "WAIT", "Action": "RETRY"}], "two"
            )
    assert not illegal.value.stale_token
    assert not illegal.value.retryable


async def test_a_call_waits_for_a_service_that_restarts(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    with (
        database_server.clone(template_database) as url,
        service_process(tmp_path, database_url=url) as service,
    ):
        service.stop()
        async with over_http(service.url) as http:
            call = asyncio.ensure_future(http.checkpoint(NOBODY, "bm9uZQ==", [], "one"))
            await asyncio.to_thread(service.start)
            with pytest.raises(ServiceCallFailed) as refused:
                await call
    assert refused.value.status == 400


async def test_a_service_that_stays_away_fails_the_call_and_not_the_execution() -> None:
    async with over_http("http://127.0.0.1:9", patience_seconds=0.1) as http:
        with pytest.raises(ServiceCallFailed) as away:
            await http.state(NOBODY, "bm9uZQ==", "", 100)
    assert away.value.retryable
