"""Plain REST, the pages, and the documents."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import Delivered, RawWorker


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    aws.invoke(
        FunctionName=f"{worker.function}:$LATEST",
        InvocationType="Event",
        DurableExecutionName="order-1",
        Payload=b'{"sku": "A"}',
    )
    return worker.take()


def test_an_execution_is_shown_with_its_operations(
    aws: Any, http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=taken.token,
        Updates=[
            {
                "Id": "s",
                "Type": "STEP",
                "Action": "SUCCEED",
                "Name": "pay",
                "Payload": '{"ok": true}',
            },
            {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 60}},
        ],
    )
    shown = http.get(f"/v1/executions/{taken.arn}").json()
    assert shown["input"] == {"sku": "A"}
    assert (shown["name"], shown["function"], shown["status"]) == (
        "order-1",
        worker.function,
        "RUNNING",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["started_at"])
    assert shown["invocation"]["state"] == "running"
    assert shown["invocation"]["id"] == taken.id
    step, wait = shown["operations"]
    assert (step["name"], step["status"], step["result"]) == ("pay", "SUCCEEDED", {"ok": True})
    assert wait["due_at"] > wait["started_at"]
    encoded = http.get(f"/v1/executions/{taken.arn.replace('/', '%2F').replace(':', '%3A')}")
    assert encoded.json()["arn"] == taken.arn


def test_a_failed_invocation_shows_its_error_and_its_next_try(
    http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    error = b'{"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}'
    worker.finish(taken, error, outcome="exit")
    shown = http.get(f"/v1/executions/{taken.arn}").json()
    assert shown["failures"] == {
        "in_a_row": 1,
        "kind": "crash",
        "error": {"type": "Runtime.ExitError", "message": "exit status 1"},
    }
    assert shown["invocation"]["state"] == "queued"
    assert shown["invocation"]["next_try_at"]


def test_operations_and_bytes_are_counted_as_lambda_meters_them(
    aws: Any, http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    """A retry of a step is an operation more, for the quota as well; an invocation made again is
    one on the meter only."""
    retry = {
        "Action": "RETRY",
        "Error": {"ErrorType": "Busy", "ErrorMessage": "later"},
        "StepOptions": {"NextAttemptDelaySeconds": 60},
    }
    aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=taken.token,
        Updates=[
            {"Id": "a", "Type": "STEP", "Action": "SUCCEED", "Payload": "é"},
            {"Id": "b", "Type": "STEP", **retry},
        ],
    )
    shown = http.get(f"/v1/executions/{taken.arn}").json()
    assert (shown["operation_count"], shown["metered_operations"]) == (4, 4)
    assert shown["stored_bytes"] == len('{"sku": "A"}') + 2 + len("Busy" + "later")
    worker.finish(taken, b'{"errorType": "E", "errorMessage": "no"}', outcome="exit")
    shown = http.get(f"/v1/executions/{taken.arn}").json()
    assert (shown["operation_count"], shown["metered_operations"]) == (4, 5)


def test_history_is_paged_by_its_next_link(
    http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    worker.succeed(taken, '"bought"')
    page = http.get(f"/v1/executions/{taken.arn}/history", params={"limit": 2}).json()
    assert [event["type"] for event in page["events"]] == [
        "ExecutionStarted",
        "InvocationCompleted",
    ]
    rest = http.get(page["next"]).json()
    assert rest["events"][0]["payload"] == "bought"
    assert "next" not in rest


def test_executions_are_listed_over_all_functions_and_filtered(
    http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    def listed(**filters: Any) -> list[str]:
        answer = http.get("/v1/executions", params={"function": worker.function, **filters})
        assert answer.status_code == 200, answer.text
        return [one["arn"] for one in answer.json()["executions"]]

    assert taken.arn in [one["arn"] for one in http.get("/v1/executions").json()["executions"]]
    assert listed() == [taken.arn]
    assert listed(status=["RUNNING", "FAILED"]) == [taken.arn]
    assert listed(status="FAILED") == []
    assert listed(name_prefix="order") == [taken.arn]
    assert listed(name_prefix="rder") == []
    assert listed(started_after="2020-01-01", started_before="2100-01-01T00:00:00Z") == [taken.arn]
    assert listed(started_after="4000000000") == []


def test_lists_are_paged_by_their_next_link(
    aws: Any, http: httpx.Client, worker: RawWorker, taken: Delivered
) -> None:
    aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    filters: dict[str, Any] = {"function": worker.function, "oldest_first": True, "limit": 1}
    first = http.get("/v1/executions", params=filters).json()
    assert [one["name"] for one in first["executions"]] == ["order-1"]
    second = http.get(first["next"]).json()
    assert len(second["executions"]) == 1
    assert second["executions"][0]["name"] != "order-1"
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "'limit' failed.*greater than or equal to 1"),
        ("status=GONE", "'status.1.member' failed.*RUNNING, PAUSING"),
        ("started_after=yesterday", "'started_after' failed.*ISO-8601"),
        ("marker=abc", "Invalid marker"),
        ("name_prefix=%zz", "percent-encoded"),
    ],
)
def test_a_bad_filter_is_refused(http: httpx.Client, query: str, message: str) -> None:
    answer = http.get(f"/v1/executions?{query}")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
    assert re.search(message, answer.json()["message"]), answer.text


def test_the_front_page_links_to_pages_that_exist(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r'<a href="([^"]+)"', page.text)
    assert len(links) >= 5
    assert {http.get(link).status_code for link in links} == {200}
    assert f"AWS_ENDPOINT_URL_LAMBDA={str(http.base_url).rstrip('/')}" in page.text


def test_the_docs_tell_every_route_and_load_nothing(http: httpx.Client) -> None:
    page = http.get("/docs").text
    document = http.get("/openapi.json").json()
    for path in document["paths"]:
        assert path in page
    assert "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.search(r'"#/components/schemas/(?!\w+")', page)


def test_every_reference_of_the_document_leads_somewhere(http: httpx.Client) -> None:
    text = http.get("/openapi.json").text
    known = http.get("/openapi.json").json()["components"]["schemas"]
    referenced = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert referenced <= set(known)
    assert '"#/$defs' not in text


def test_health_and_readiness(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    ready = http.get("/ready")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
