"""Aliases by boto3: managed, invoked by, weighted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.contract.function_calls import create_from_zip, zipped
from tests.contract.raw_worker import PoolWorker
from tests.contract.running_service import RunningService


@pytest.fixture
def versions(aws: Any, function: str) -> str:
    """A plain function with the versions 1 and 2."""
    create_from_zip(aws, function, Publish=True)
    aws.update_function_code(FunctionName=function, ZipFile=zipped("second"), Publish=True)
    return function


def alias(aws: Any, function: str, version: str, name: str = "live", **more: Any) -> Any:
    answer = aws.create_alias(FunctionName=function, Name=name, FunctionVersion=version, **more)
    del answer["ResponseMetadata"]
    return answer


def test_an_alias_lives_from_its_creation_to_its_end(aws: Any, versions: str) -> None:
    created = alias(aws, versions, "1", Description="what customers get")
    assert created["AliasArn"].endswith(f":function:{versions}:live")
    assert (created["FunctionVersion"], created["Description"]) == ("1", "what customers get")
    found = aws.get_alias(FunctionName=versions, Name="live")
    del found["ResponseMetadata"]
    assert found == created
    moved = aws.update_alias(FunctionName=versions, Name="live", FunctionVersion="2")
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "what customers get")
    assert moved["RevisionId"] != created["RevisionId"]
    aws.update_alias(
        FunctionName=versions, Name="live", Description="x", RevisionId=moved["RevisionId"]
    )
    aws.delete_alias(FunctionName=versions, Name="live")
    aws.delete_alias(FunctionName=versions, Name="live")
    with pytest.raises(aws.exceptions.ResourceNotFoundException, match="Cannot find alias"):
        aws.get_alias(FunctionName=versions, Name="live")


def test_what_is_read_by_an_alias_is_its_version(aws: Any, versions: str) -> None:
    alias(aws, versions, "1")
    found = aws.get_function(FunctionName=f"{versions}:live")["Configuration"]
    assert found["Version"] == "1"
    assert found["FunctionArn"].endswith(f":{versions}:live")
    assert aws.get_function_configuration(FunctionName=versions, Qualifier="live")["Version"] == "1"


def test_aliases_are_listed_by_name_by_version_and_paged(aws: Any, versions: str) -> None:
    for name, version in (("b", "1"), ("c", "2"), ("a", "2")):
        alias(aws, versions, version, name)
    pages = aws.get_paginator("list_aliases").paginate(
        FunctionName=versions, PaginationConfig={"PageSize": 2}
    )
    listed = [[one["Name"] for one in page["Aliases"]] for page in pages]
    assert listed == [["a", "b"], ["c"]]
    of_second = aws.list_aliases(FunctionName=versions, FunctionVersion="2")["Aliases"]
    assert [one["Name"] for one in of_second] == ["a", "c"]


def test_weights_are_set_kept_and_taken_away(aws: Any, versions: str) -> None:
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    assert alias(aws, versions, "1", RoutingConfig=weights)["RoutingConfig"] == weights
    kept = aws.update_alias(FunctionName=versions, Name="live", Description="x")
    assert kept["RoutingConfig"] == weights
    moved = aws.update_alias(
        FunctionName=versions, Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert "RoutingConfig" not in moved


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("1", {"2": 0.1, "3": 0.1}, "cannot be greater than 1"),
        ("1", {"1": 0.5}, "already included in routing"),
        ("$LATEST", {"1": 0.5}, "LATEST is not supported"),
        ("1", {"2": 1.5}, "less than or equal to 1"),
        ("1", {"live": 0.5}, "regular expression pattern"),
    ],
)
def test_weights_that_cannot_be_are_refused(
    aws: Any, versions: str, version: str, weights: dict[str, float], message: str
) -> None:
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
        alias(aws, versions, version, RoutingConfig={"AdditionalVersionWeights": weights})


def test_names_are_taken_once_and_point_at_what_exists(aws: Any, versions: str) -> None:
    alias(aws, versions, "1")
    with pytest.raises(aws.exceptions.ResourceConflictException, match="already exists"):
        alias(aws, versions, "2")
    live, missing = {"FunctionName": versions, "Name": "live"}, f"{versions}-missing"
    for call, parameters in (
        (aws.create_alias, {**live, "Name": "next", "FunctionVersion": "3"}),
        (aws.create_alias, {**live, "FunctionName": missing, "FunctionVersion": "1"}),
        (aws.update_alias, {**live, "Name": "other", "Description": "x"}),
        (aws.update_alias, {**live, "FunctionVersion": "3"}),
        (aws.list_aliases, {"FunctionName": missing}),
        (aws.delete_alias, {**live, "FunctionName": missing}),
    ):
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            call(**parameters)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="pattern"):
        alias(aws, versions, "1", "7")
    with pytest.raises(aws.exceptions.PreconditionFailedException):
        aws.update_alias(
            FunctionName=versions, Name="live", FunctionVersion="2", RevisionId="other"
        )
    assert aws.get_alias(FunctionName=versions, Name="live")["FunctionVersion"] == "1"


def test_a_name_in_a_path_is_decoded(aws: Any, http: httpx.Client, versions: str) -> None:
    alias(aws, versions, "1")
    aliases = f"/2015-03-31/functions/{versions}/aliases"
    assert http.get(f"{aliases}/li%76e").json()["Name"] == "live"
    refused = http.get(f"{aliases}/no%20name")
    assert refused.status_code == 400
    assert "Value 'no name' at 'name'" in refused.json()["message"]


def test_what_an_alias_points_at_is_not_deleted(aws: Any, versions: str) -> None:
    alias(aws, versions, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    for number in ("1", "2"):
        with pytest.raises(aws.exceptions.ResourceConflictException, match="'live' points at it"):
            aws.delete_function(FunctionName=versions, Qualifier=number)
    aws.update_alias(
        FunctionName=versions, Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    aws.delete_function(FunctionName=versions, Qualifier="2")
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_function(FunctionName=versions, Qualifier="2")


def test_starts_by_an_alias_run_its_versions_by_weight(
    aws: Any, http: httpx.Client, versions: str
) -> None:
    """The ARN of an execution has the version that was drawn, and so have all its invocations."""
    pool = PoolWorker(http, "python3.13")
    pool.register(per_function=50)
    alias(aws, versions, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})

    def executed() -> str:
        answer = aws.invoke(FunctionName=versions, Qualifier="live", InvocationType="Event")
        return str(answer["ExecutedVersion"])

    assert {executed() for _ in range(40)} == {"1", "2"}
    aws.update_alias(
        FunctionName=versions, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}}
    )
    assert {executed() for _ in range(5)} == {"2"}
    delivered = pool.poll(total=45)
    assert {one.header["Version"] for one in delivered} <= {"1", "2"}
    pool.leave()


def test_a_durable_execution_keeps_the_version_that_its_alias_meant(
    aws: Any, http: httpx.Client, function: str
) -> None:
    pool = PoolWorker(http, "provided")
    pool.register()
    create_from_zip(
        aws, function, Runtime="provided", DurableConfig={"ExecutionTimeout": 600}, Publish=True
    )
    aws.update_function_code(FunctionName=function, ZipFile=zipped("second"), Publish=True)
    alias(aws, function, "1")
    arn = aws.invoke(FunctionName=f"{function}:live", InvocationType="Event")["DurableExecutionArn"]
    assert f":function:{function}:1/durable-execution/" in arn
    aws.update_alias(FunctionName=function, Name="live", FunctionVersion="2")
    delivered = pool.take()
    assert delivered.header["Version"] == "1"
    assert delivered.header["FunctionArn"].endswith(f":{function}:live")
    pool.succeed(delivered)
    found = aws.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Version"], found["FunctionArn"].endswith(":live")) == ("1", True)
    listed = aws.list_durable_executions_by_function(FunctionName=function, Qualifier="live")
    assert listed["DurableExecutions"] == [], "those of the version that it means now"


def test_a_repeated_start_finds_its_execution_whatever_version_was_drawn(
    aws: Any, http: httpx.Client, function: str
) -> None:
    pool = PoolWorker(http, "ruby3.3")
    pool.register()
    create_from_zip(
        aws, function, Runtime="ruby3.3", DurableConfig={"ExecutionTimeout": 600}, Publish=True
    )
    for code in ("second", "third"):
        aws.update_function_code(FunctionName=function, ZipFile=zipped(code), Publish=True)
    alias(aws, function, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})

    def named() -> str:
        answer = aws.invoke(
            FunctionName=f"{function}:live", InvocationType="Event", DurableExecutionName="order-1"
        )
        return str(answer["DurableExecutionArn"])

    assert len({named() for _ in range(12)}) == 1
    aws.update_alias(
        FunctionName=function,
        Name="live",
        FunctionVersion="3",
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    with pytest.raises(aws.exceptions.DurableExecutionAlreadyStartedException):
        named()
    pool.succeed(pool.take())


def test_a_repeated_call_of_an_sdk_attaches_whatever_version_was_drawn(
    aws: Any, http: httpx.Client, function: str
) -> None:
    pool = PoolWorker(http, "ruby3.4")
    pool.register()
    create_from_zip(aws, function, Runtime="ruby3.4", Publish=True)
    aws.update_function_code(FunctionName=function, ZipFile=zipped("second"), Publish=True)
    alias(aws, function, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})

    def call(_: int) -> httpx.Response:
        return http.post(
            f"/2015-03-31/functions/{function}:live/invocations",
            headers={"amz-sdk-invocation-id": f"{function}-1"},
            content=b"{}",
        )

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(call, range(8))
        pool.succeed(pool.take())
        assert {answer.status_code for answer in answers} == {200}
    assert pool.poll(wait_seconds=0) == []


def test_other_services_are_told_when_an_alias_moves(
    aws: Any, service: RunningService, versions: str
) -> None:
    alias(aws, versions, "1")
    with psycopg.connect(service.database_url, autocommit=True) as other:
        other.execute("LISTEN perdure_function_changed")
        aws.update_alias(FunctionName=versions, Name="live", FunctionVersion="2")
        (told,) = other.notifies(timeout=30, stop_after=1)
    assert told.payload == versions
