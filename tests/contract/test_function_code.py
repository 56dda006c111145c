"""Code that is deployed again: by boto3, whole, and never a mix."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.function_calls import create, create_from_zip, sha256_base64, zipped
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import running_service
from tests.support.caller import lambda_client
from tests.support.postgres import DatabaseServer
from tests.support.traffic import Traffic


def code_of(aws: Any, function: str, qualifier: str = "$LATEST") -> bytes:
    """What a worker would fetch."""
    found = aws.get_function(FunctionName=function, Qualifier=qualifier)
    content = httpx.get(found["Code"]["Location"]).content
    assert sha256_base64(content) == found["Configuration"]["CodeSha256"]
    assert len(content) == found["Configuration"]["CodeSize"]
    return content


def test_latest_gets_the_new_code_and_a_version_keeps_its_own(aws: Any, function: str) -> None:
    old, new = zipped("old"), zipped("new")
    create_from_zip(aws, function, Code={"ZipFile": old}, Publish=True)
    before = aws.get_function_configuration(FunctionName=function)
    updated = aws.update_function_code(FunctionName=function, ZipFile=new, Architectures=["arm64"])
    assert updated["CodeSha256"] == sha256_base64(new)
    assert updated["RevisionId"] != before["RevisionId"]
    assert updated["Architectures"] == ["arm64"]
    aws.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert code_of(aws, function) == new
    assert code_of(aws, function, "1") == old


def test_it_can_be_published_at_once(aws: Any, function: str) -> None:
    create_from_zip(aws, function, Publish=True)
    new = zipped("new")
    published = aws.update_function_code(FunctionName=function, ZipFile=new, Publish=True)
    assert published["Version"] == "2"
    assert published["FunctionArn"].endswith(f":{function}:2")
    aws.get_waiter("published_version_active").wait(FunctionName=function, Qualifier="2")
    again = aws.update_function_code(
        FunctionName=function, ZipFile=new, Publish=True, Architectures=["x86_64"]
    )
    assert again["Version"] == "2", "the same code is the same version"


def test_a_dry_run_changes_nothing(aws: Any, function: str) -> None:
    old = zipped("old")
    create_from_zip(aws, function, Code={"ZipFile": old})
    shown = aws.update_function_code(FunctionName=function, ZipFile=zipped("new"), DryRun=True)
    assert shown["CodeSha256"] == sha256_base64(zipped("new"))
    assert code_of(aws, function) == old


def test_another_revision_than_expected_is_refused(aws: Any, function: str) -> None:
    old, new = zipped("old"), zipped("new")
    revision = create_from_zip(aws, function, Code={"ZipFile": old})["RevisionId"]
    with pytest.raises(aws.exceptions.PreconditionFailedException, match="Revision Id provided"):
        aws.update_function_code(FunctionName=function, ZipFile=new, RevisionId="other")
    assert code_of(aws, function) == old
    aws.update_function_code(FunctionName=function, ZipFile=new, RevisionId=revision)
    assert code_of(aws, function) == new


def test_of_two_who_expect_the_same_revision_one_wins(aws: Any, function: str) -> None:
    revision = create_from_zip(aws, function)["RevisionId"]

    def deploy(n: int) -> bool:
        try:
            aws.update_function_code(
                FunctionName=function, ZipFile=zipped(f"{n}"), RevisionId=revision
            )
        except aws.exceptions.PreconditionFailedException:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(deploy, range(4))) == 1


def test_deploys_at_once_happen_in_turn_and_are_never_mixed(aws: Any, function: str) -> None:
    create_from_zip(aws, function)

    def deploy(n: int) -> None:
        if n % 2:
            aws.update_function_code(FunctionName=function, ZipFile=zipped(f"{n}"), Publish=True)
        else:
            aws.update_function_configuration(FunctionName=function, Description=f"{n}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(deploy, range(8)))
    latest = aws.get_function_configuration(FunctionName=function)
    assert latest["CodeSha256"] in {sha256_base64(zipped(f"{n}")) for n in (1, 3, 5, 7)}
    assert latest["Description"] in {"0", "2", "4", "6"}, "neither took back what the other did"
    numbers = ["1", "2", "3", "4"]
    assert {code_of(aws, function, number) for number in numbers} == {
        zipped(f"{n}") for n in (1, 3, 5, 7)
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../app.py": ""}, "'../app.py' is no path within the zip"),
        ({"/app.py": ""}, "is no path within the zip"),
        ({}, "non-empty zip"),
    ],
)
def test_an_unsafe_zip_leaves_the_code_that_was_there(
    aws: Any, function: str, files: dict[str, str], message: str
) -> None:
    old = zipped("old")
    create_from_zip(aws, function, Code={"ZipFile": old})
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
        aws.update_function_code(FunctionName=function, ZipFile=zipped(files))
    assert code_of(aws, function) == old


def test_what_is_too_large_for_a_request_is_refused_with_what_to_do(
    http: httpx.Client, aws: Any, function: str
) -> None:
    old = zipped("old")
    create_from_zip(aws, function, Code={"ZipFile": old})
    body = b'{"ZipFile": "%b"}' % base64.b64encode(b"PK" + bytes(70_000_000))
    answer = http.put(f"/2015-03-31/functions/{function}/code", content=body)
    assert answer.status_code == 413
    assert answer.headers["x-amzn-errortype"] == "RequestTooLargeException"
    assert "Request must be smaller than 70167211 bytes for the UpdateFunctionCode" in answer.text
    assert code_of(aws, function) == old


def test_code_is_of_the_kind_of_its_function(aws: Any, function: str) -> None:
    create(aws, function)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="provide ImageUri"):
        aws.update_function_code(FunctionName=function, ZipFile=zipped("x"))
    moved = "http://127.0.0.1:10/run"
    aws.update_function_code(FunctionName=function, ImageUri=moved)
    assert aws.get_function(FunctionName=function)["Code"]["ImageUri"] == moved
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.update_function_code(FunctionName=f"{function}-missing", ZipFile=zipped("x"))


def test_code_may_take_the_place_of_what_a_worker_serves_and_the_other_way(
    aws: Any, http: httpx.Client, worker: RawWorker
) -> None:
    function = worker.function
    new = zipped("deployed")
    aws.update_function_code(FunctionName=function, ZipFile=new)
    assert code_of(aws, function) == new
    worker.register()
    assert "Location" not in aws.get_function(FunctionName=function)["Code"], "it is live again"


def test_code_comes_from_a_bucket(
    database_server: DatabaseServer, template_database: str, traffic: Traffic, tmp_path: Path
) -> None:
    (tmp_path / "buckets" / "code").mkdir(parents=True)
    for name in ("old", "new"):
        (tmp_path / "buckets" / "code" / f"{name}.zip").write_bytes(zipped(name))
    with (
        database_server.clone(template_database) as url,
        running_service(tmp_path, url, ["--s3", "buckets"]) as service,
    ):
        aws = lambda_client(service.url, traffic=traffic)
        old = {"S3Bucket": "code", "S3Key": "old.zip", "S3ObjectStorageMode": "COPY"}
        create_from_zip(aws, "f", Code=old)
        assert code_of(aws, "f") == zipped("old")
        new = {"S3Bucket": "code", "S3Key": "new.zip"}
        aws.update_function_code(FunctionName="f", **new, S3ObjectStorageMode="COPY")
        assert code_of(aws, "f") == zipped("new")
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match="NoSuchKey"):
            aws.update_function_code(FunctionName="f", S3Bucket="code", S3Key="gone.zip")
        assert code_of(aws, "f") == zipped("new")
