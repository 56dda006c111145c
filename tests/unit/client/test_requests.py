"""What the client sends is what botocore sends, for every operation that both have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from perdure.client import DurableConfig, ErrorObject, ExecutionStatus, LoggingConfig, Started
from perdure.client.code import FunctionSettings, ImageCode, S3Code, ZipCode
from perdure.client.operation import Operation, Service
from perdure.client.requests import aliases, callbacks, executions, functions, invocations, logs

ARN = (
    "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST"
    "/durable-execution/a_b/0197e0c3-2c40-7000-8000-000000000001"
)
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTINGS = FunctionSettings(
    runtime="python3.13",
    handler="app.handler",
    description="d",
    timeout_seconds=9,
    memory_mb=256,
    environment={"A": "b"},
    durable=DurableConfig(60, 7),
    dead_letter_target="arn:aws:sqs:us-east-1:0:q",
    logging=LoggingConfig("JSON", "INFO", "WARN", "/g"),
    role="arn:aws:iam::000000000000:role/r",
)
SETTINGS_WIRE = {
    "Runtime": "python3.13",
    "Handler": "app.handler",
    "Description": "d",
    "Timeout": 9,
    "MemorySize": 256,
    "Environment": {"Variables": {"A": "b"}},
    "DurableConfig": {"ExecutionTimeout": 60, "RetentionPeriodInDays": 7},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:0:q"},
    "LoggingConfig": {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "WARN",
        "LogGroup": "/g",
    },
    "Role": "arn:aws:iam::000000000000:role/r",
}
CALLBACK = "AA+/bb=="
ERROR = ErrorObject("m", "T", "d", ("l",))
ERROR_WIRE = {"ErrorMessage": "m", "ErrorType": "T", "ErrorData": "d", "StackTrace": ["l"]}

CASES: list[tuple[Operation[Any], str, dict[str, Any]]] = [
    (
        invocations.invoke(
            "order:1", {"a": 1}, name="n", log_tail=True, client_context={"c": 1}, tenant_id="t"
        ),
        "Invoke",
        {
            "FunctionName": "order:1",
            "InvocationType": "RequestResponse",
            "Payload": b'{"a": 1}',
            "DurableExecutionName": "n",
            "LogType": "Tail",
            "ClientContext": "eyJjIjogMX0=",
            "TenantId": "t",
        },
    ),
    (
        invocations.start("order", payload=b"1", qualifier="$LATEST"),
        "Invoke",
        {
            "FunctionName": "order",
            "InvocationType": "Event",
            "Payload": b"1",
            "Qualifier": "$LATEST",
        },
    ),
    (
        invocations.dry_run("order", qualifier="1"),
        "Invoke",
        {"FunctionName": "order", "InvocationType": "DryRun", "Qualifier": "1"},
    ),
    (
        executions.get(ARN, include_data=False),
        "GetDurableExecution",
        {"DurableExecutionArn": ARN, "IncludeExecutionData": False},
    ),
    (
        executions.history_page(ARN, newest_first=True, page_size=5, marker="m+/="),
        "GetDurableExecutionHistory",
        {
            "DurableExecutionArn": ARN,
            "IncludeExecutionData": True,
            "ReverseOrder": True,
            "MaxItems": 5,
            "Marker": "m+/=",
        },
    ),
    (
        executions.list_page(
            "order",
            qualifier="live",
            name="n",
            statuses=[ExecutionStatus.RUNNING, ExecutionStatus.FAILED],
            started_after=AT,
            started_before=AT,
            oldest_first=True,
        ),
        "ListDurableExecutionsByFunction",
        {
            "FunctionName": "order",
            "Qualifier": "live",
            "DurableExecutionName": "n",
            "Statuses": ["RUNNING", "FAILED"],
            "StartedAfter": AT,
            "StartedBefore": AT,
            "ReverseOrder": True,
        },
    ),
    (
        executions.stop(ARN, error=ERROR),
        "StopDurableExecution",
        {"DurableExecutionArn": ARN, "Error": ERROR_WIRE},
    ),
    (
        executions.pause(ARN, reason="r", execution_timeout_paused=False, client_token="c"),
        "PauseDurableExecution",
        {
            "DurableExecutionArn": ARN,
            "Reason": "r",
            "ExecutionTimeoutPaused": False,
            "ClientToken": "c",
        },
    ),
    (
        executions.resume(ARN, reason="r", client_token="c"),
        "ResumeDurableExecution",
        {"DurableExecutionArn": ARN, "Reason": "r", "ClientToken": "c"},
    ),
    (executions.delete(ARN), "DeleteDurableExecution", {"DurableExecutionArn": ARN}),
    (
        callbacks.succeed(CALLBACK, {"x": 1}),
        "SendDurableExecutionCallbackSuccess",
        {"CallbackId": CALLBACK, "Result": b'{"x": 1}'},
    ),
    (
        callbacks.fail(CALLBACK, ERROR),
        "SendDurableExecutionCallbackFailure",
        {"CallbackId": CALLBACK, "Error": ERROR_WIRE},
    ),
    (
        callbacks.heartbeat(CALLBACK),
        "SendDurableExecutionCallbackHeartbeat",
        {"CallbackId": CALLBACK},
    ),
    (
        functions.create("f", ZipCode(b"PK"), SETTINGS, publish=True, tags={"t": "1"}),
        "CreateFunction",
        {
            "FunctionName": "f",
            "Code": {"ZipFile": b"PK"},
            "Publish": True,
            "Tags": {"t": "1"},
            **SETTINGS_WIRE,
        },
    ),
    (
        functions.create("f", ImageCode("http://h"), FunctionSettings()),
        "CreateFunction",
        {
            "FunctionName": "f",
            "Code": {"ImageUri": "http://h"},
            "PackageType": "Image",
            "Role": functions.PERDURE_ROLE,
        },
    ),
    (
        functions.update_code("f", S3Code("bucket", "k", "v"), revision_id="r", dry_run=True),
        "UpdateFunctionCode",
        {
            "FunctionName": "f",
            "S3Bucket": "bucket",
            "S3Key": "k",
            "S3ObjectVersion": "v",
            "RevisionId": "r",
            "DryRun": True,
        },
    ),
    (
        functions.update_settings("f", SETTINGS, revision_id="r"),
        "UpdateFunctionConfiguration",
        {"FunctionName": "f", "RevisionId": "r", **SETTINGS_WIRE},
    ),
    (
        functions.get("f", qualifier="1"),
        "GetFunction",
        {"FunctionName": "f", "Qualifier": "1"},
    ),
    (functions.configuration("f"), "GetFunctionConfiguration", {"FunctionName": "f"}),
    (
        functions.list_page(all_versions=True, page_size=3, marker="m"),
        "ListFunctions",
        {"FunctionVersion": "ALL", "MaxItems": 3, "Marker": "m"},
    ),
    (
        functions.versions_page("f", page_size=3, marker="m"),
        "ListVersionsByFunction",
        {"FunctionName": "f", "MaxItems": 3, "Marker": "m"},
    ),
    (
        functions.publish("f", description="d", code_sha256="s", revision_id="r"),
        "PublishVersion",
        {"FunctionName": "f", "Description": "d", "CodeSha256": "s", "RevisionId": "r"},
    ),
    (
        functions.delete("f", qualifier="1"),
        "DeleteFunction",
        {"FunctionName": "f", "Qualifier": "1"},
    ),
    (
        functions.reserve_concurrency("f", 0),
        "PutFunctionConcurrency",
        {"FunctionName": "f", "ReservedConcurrentExecutions": 0},
    ),
    (functions.reserved_concurrency("f"), "GetFunctionConcurrency", {"FunctionName": "f"}),
    (functions.release_concurrency("f"), "DeleteFunctionConcurrency", {"FunctionName": "f"}),
    (functions.tag(ARN, {"a": "b"}), "TagResource", {"Resource": ARN, "Tags": {"a": "b"}}),
    (functions.untag(ARN, ("a", "b")), "UntagResource", {"Resource": ARN, "TagKeys": ["a", "b"]}),
    (functions.tags(ARN), "ListTags", {"Resource": ARN}),
    (
        aliases.create("f", "live", "2", description="d", weights={"1": 0.25}),
        "CreateAlias",
        {
            "FunctionName": "f",
            "Name": "live",
            "FunctionVersion": "2",
            "Description": "d",
            "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.25}},
        },
    ),
    (
        aliases.update("f", "live", version="2", weights={}, revision_id="r"),
        "UpdateAlias",
        {
            "FunctionName": "f",
            "Name": "live",
            "FunctionVersion": "2",
            "RoutingConfig": {"AdditionalVersionWeights": {}},
            "RevisionId": "r",
        },
    ),
    (aliases.get("f", "live"), "GetAlias", {"FunctionName": "f", "Name": "live"}),
    (
        aliases.list_page("f", version="2", page_size=1, marker="m"),
        "ListAliases",
        {"FunctionName": "f", "FunctionVersion": "2", "MaxItems": 1, "Marker": "m"},
    ),
    (aliases.delete("f", "live"), "DeleteAlias", {"FunctionName": "f", "Name": "live"}),
    (
        logs.events_page(
            "/aws/lambda/f",
            streams=["s"],
            since=AT,
            until=AT,
            pattern="ERROR",
            page_size=9,
            marker="m",
        ),
        "FilterLogEvents",
        {
            "logGroupName": "/aws/lambda/f",
            "logStreamNames": ["s"],
            "startTime": 1769860800000,
            "endTime": 1769860800000,
            "filterPattern": "ERROR",
            "limit": 9,
            "nextToken": "m",
        },
    ),
    (
        logs.groups_page(prefix="/aws"),
        "DescribeLogGroups",
        {"logGroupNamePrefix": "/aws"},
    ),
    (
        logs.keep_for("g", 7),
        "PutRetentionPolicy",
        {"logGroupName": "g", "retentionInDays": 7},
    ),
    (logs.delete_group("g"), "DeleteLogGroup", {"logGroupName": "g"}),
]


@lru_cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def botocores(service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    model = _model(service)
    serializer = create_serializer(model.metadata["protocol"])
    request: dict[str, Any] = serializer.serialize_to_request(
        parameters, model.operation_model(operation)
    )
    return request


@pytest.mark.parametrize(
    ("operation", "name", "parameters"), CASES, ids=[case[1] for case in CASES]
)
def test_a_request_is_the_one_that_botocore_makes(
    operation: Operation[Any], name: str, parameters: dict[str, Any]
) -> None:
    request = operation.request
    wanted = botocores(request.service.value, name, parameters)
    assert request.method == wanted["method"]
    assert urlsplit(request.path).path == wanted["url_path"].split("?")[0]
    assert sorted(request.query) == sorted(_pairs(wanted["query_string"] or {}))
    assert _body(request.body) == _body(wanted["body"])
    headers = {name.lower(): value for name, value in request.headers.items()}
    told = {name.lower(): value for name, value in wanted["headers"].items()}
    for header in told.keys() - {"content-type"}:
        assert headers[header] == told[header]
    if request.service is Service.LOGS:
        assert headers["content-type"] == told["content-type"]


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, str(value))
        for name, values in query.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _body(body: bytes | str) -> Any:
    """As JSON if it is; botocore writes {} where there is nothing to say."""
    try:
        return json.loads(body) or None
    except ValueError:
        return body or None


def test_everything_that_is_not_plain_is_encoded_in_paths_and_queries() -> None:
    request = executions.history_page(ARN, marker="a+/= &").request
    assert request.target == (
        f"/2025-12-01/durable-executions/{quote(ARN, safe='')}/history"
        "?IncludeExecutionData=true&Marker=a%2B%2F%3D%20%26"
    )


def test_a_settings_environment_is_not_in_its_text() -> None:
    assert "hidden" not in repr(FunctionSettings(environment={"KEY": "hidden"}))
    operation = functions.update_settings("f", FunctionSettings(environment={"KEY": "hidden"}))
    assert "hidden" not in repr(operation)


def test_what_was_started_is_no_arn_and_the_error_says_where_it_is() -> None:
    started: Any = Started(ARN, "$LATEST")
    with pytest.raises(TypeError, match="not Started: give its `arn`"):
        executions.get(started)
    with pytest.raises(TypeError, match="not NoneType"):
        executions.get(None)  # type: ignore[arg-type]  # that is the mistake
