"""Published versions, by boto3."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.function_calls import create, create_from_zip, sha256, zipped
from tests.contract.raw_worker import RawWorker


def test_a_version_keeps_its_code_when_latest_moves_on(
    aws: Any, http: httpx.Client, function: str
) -> None:
    worker = RawWorker(http, function)
    old, new = zipped(f"{function} old"), zipped(f"{function} new")
    worker.register(CodeSha256=sha256(old))
    http.put(f"/v1/code/{sha256(old)}", content=old)
    published = aws.publish_version(FunctionName=function, Description="first")
    assert (published["Version"], published["Description"]) == ("1", "first")
    assert published["FunctionArn"].endswith(f":{function}:1")
    assert aws.publish_version(FunctionName=function)["Version"] == "1"
    worker.register(CodeSha256=sha256(new))
    http.put(f"/v1/code/{sha256(new)}", content=new)
    assert aws.publish_version(FunctionName=function)["Version"] == "2"
    versions = aws.list_versions_by_function(FunctionName=function)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    aws.invoke(FunctionName=f"{function}:1", InvocationType="Event")
    delivered = worker.take()
    assert delivered.header["Version"] == "1"
    assert delivered.header["CodeSha256"] == sha256(old)


def test_it_waits_for_the_code(aws: Any, http: httpx.Client, function: str) -> None:
    RawWorker(http, function).register(CodeSha256=sha256(zipped(function)))
    with pytest.raises(aws.exceptions.ResourceConflictException, match="not uploaded"):
        aws.publish_version(FunctionName=function)


def test_code_that_is_too_large_to_keep_is_not_published(aws: Any, worker: RawWorker) -> None:
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="64 MiB"):
        aws.publish_version(FunctionName=worker.function)


def test_another_revision_or_code_than_expected_is_refused(aws: Any, function: str) -> None:
    create(aws, function)
    with pytest.raises(aws.exceptions.PreconditionFailedException):
        aws.publish_version(FunctionName=function, RevisionId="other")
    with pytest.raises(aws.exceptions.InvalidParameterValueException):
        aws.publish_version(FunctionName=function, CodeSha256="AAAA")
    revision = aws.get_function_configuration(FunctionName=function)["RevisionId"]
    assert aws.publish_version(FunctionName=function, RevisionId=revision)["Version"] == "1"


def test_the_expected_revision_and_code_are_published(aws: Any, function: str) -> None:
    created = create_from_zip(aws, function)
    published = aws.publish_version(
        FunctionName=function, RevisionId=created["RevisionId"], CodeSha256=created["CodeSha256"]
    )
    assert (published["Version"], published["CodeSha256"]) == ("1", created["CodeSha256"])


def test_versions_are_paged(aws: Any, function: str) -> None:
    create(aws, function, Publish=True)
    pages = aws.get_paginator("list_versions_by_function").paginate(
        FunctionName=function, PaginationConfig={"PageSize": 1}
    )
    listed = [[version["Version"] for version in page["Versions"]] for page in pages]
    assert listed == [["$LATEST"], ["1"]]
