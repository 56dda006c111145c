"""U+0000, which a text column of Postgres cannot hold, is refused wherever it would get into one.

It must not reach a statement that others have a part in: an append, the once-a-second look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService

NUL = "a\0"


@pytest.fixture(autouse=True)
def nothing_else_fails(service: RunningService) -> Iterator[None]:
    """No traceback, and no database that "cannot be reached"."""
    before = service.log_size
    yield
    log = "\n".join(service.log_after(before))
    assert "Traceback" not in log
    assert "ServiceException" not in log


def assert_refused(answer: httpx.Response, member: str) -> None:
    assert answer.status_code == 400, answer.text
    message = answer.json()["message"]
    assert f"at '{member}' failed to satisfy constraint: Member must " in message


@pytest.mark.parametrize("member", ["Runtime", "Handler", "FunctionName"])
def test_in_what_a_worker_serves(http: httpx.Client, function: str, member: str) -> None:
    answer = RawWorker(http, function).register(**{member: NUL})
    assert_refused(answer, f"functions.1.member.{member[0].lower()}{member[1:]}")


def test_in_a_workers_host(http: httpx.Client, worker: RawWorker) -> None:
    body = {"WorkerId": worker.id, "Host": NUL, "Pid": 4, "Held": [], "Functions": []}
    assert_refused(http.post("/v1/workers", json=body), "host")


def test_in_what_a_worker_asks_for(http: httpx.Client, worker: RawWorker) -> None:
    body = {"Free": {NUL: 1}, "Confirm": [], "WaitSeconds": 1.5}
    assert http.post(f"/v1/workers/{worker.id}/poll", json=body).status_code in (200, 400)
    assert http.get("/ready").json()["ready"] is True


def test_in_the_description_of_a_function(http: httpx.Client, function: str) -> None:
    body = {
        "FunctionName": function,
        "PackageType": "Image",
        "Code": {"ImageUri": "http://127.0.0.1:9"},
        "Role": "arn:aws:iam::000000000000:role/x",
    }
    refused = http.post("/2015-03-31/functions", json={**body, "Description": NUL})
    assert_refused(refused, "description")
    assert http.post("/2015-03-31/functions", json=body).status_code == 201
    path = f"/2015-03-31/functions/{function}/versions"
    assert_refused(http.post(path, json={"Description": NUL}), "description")


def test_in_the_trace_of_a_chained_invoke(aws: Any, worker: RawWorker) -> None:
    run = ByHand.start(aws, worker)
    target = {"FunctionName": f"{worker.function}:$LATEST", "XAmznTraceId": NUL}
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match=r"xAmznTraceId.*0000"):
        run.checkpoint(
            {
                "Id": "i",
                "Type": "CHAINED_INVOKE",
                "Action": "START",
                "ChainedInvokeOptions": target,
            }
        )


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/v1/executions?function=%00", "function"),
        ("/v1/executions?name_prefix=%00", "name_prefix"),
        ("/2015-03-31/functions?Marker=%00", "marker"),
        ("/2015-03-31/functions/%00", "functionName"),
    ],
)
def test_in_a_query(http: httpx.Client, path: str, member: str) -> None:
    assert_refused(http.get(path), member)


def test_what_is_kept_byte_for_byte_may_hold_it(aws: Any, worker: RawWorker) -> None:
    run = ByHand.start(aws, worker, Payload=b'"a\\u0000"')
    step = {"Id": "s", "Type": "STEP", "Action": "FAIL", "Error": {"ErrorMessage": NUL}}
    assert run.checkpoint(step)["s"]["StepDetails"]["Error"]["ErrorMessage"] == NUL
    aws.pause_durable_execution(DurableExecutionArn=run.arn, Reason=NUL)
    assert run.get()["PauseDetails"]["Reason"] == NUL
    aws.stop_durable_execution(DurableExecutionArn=run.arn, Error={"ErrorData": NUL})
    assert run.get()["Error"]["ErrorData"] == NUL
