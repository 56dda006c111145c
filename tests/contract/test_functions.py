"""Function management by boto3, and what workers make of functions."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import DURABLE, RawWorker


def archive(text: str) -> tuple[str, bytes]:
    """A zip and its hash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("app.py", text)
    return hashlib.sha256(buffer.getvalue()).hexdigest(), buffer.getvalue()


def create(aws: Any, name: str, **changes: Any) -> Any:
    """A push target, unless changed."""
    request = {
        "FunctionName": name,
        "Role": "arn:aws:iam::000000000000:role/any",
        "PackageType": "Image",
        "Code": {"ImageUri": "http://127.0.0.1:9"},
    }
    return aws.create_function(**{**request, **changes})


class TestCreate:
    def test_a_push_target_is_a_function_like_any(self, aws: Any, function: str) -> None:
        created = create(
            aws,
            function,
            DurableConfig={"ExecutionTimeout": 600},
            Timeout=30,
            MemorySize=512,
            Description="pushes",
        )
        del created["ResponseMetadata"]
        assert created["FunctionArn"].endswith(f":function:{function}")
        assert created["DurableConfig"] == {"ExecutionTimeout": 600, "RetentionPeriodInDays": 14}
        assert (created["Version"], created["PackageType"]) == ("$LATEST", "Image")
        assert (created["Timeout"], created["MemorySize"]) == (30, 512)
        found = aws.get_function(FunctionName=function)
        assert found["Configuration"] == created
        uri = "http://127.0.0.1:9/2015-03-31/functions/function/invocations"
        assert found["Code"]["ImageUri"] == uri
        aws.get_waiter("function_active_v2").wait(FunctionName=function)
        again = aws.get_function_configuration(FunctionName=function)
        del again["ResponseMetadata"]
        assert again == created

    def test_a_path_of_the_target_is_kept(self, aws: Any, function: str) -> None:
        uri = "https://host.example:8443/run?x=1"
        create(aws, function, Code={"ImageUri": uri})
        assert aws.get_function(FunctionName=function)["Code"]["ImageUri"] == uri

    def test_the_version_that_is_published_at_once_is_1(self, aws: Any, function: str) -> None:
        assert create(aws, function, Publish=True)["Version"] == "1"

    def test_a_name_is_taken_once(self, aws: Any, function: str) -> None:
        create(aws, function)
        with pytest.raises(aws.exceptions.ResourceConflictException, match="already exist"):
            create(aws, function)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"DurableConfig": {"RetentionPeriodInDays": 3}}, "without an executionTimeout"),
            ({"DurableConfig": {"ExecutionTimeout": 60, "KMSKeyArn": "arn:a:b"}}, "KMSKeyArn"),
            ({"Code": {"ImageUri": "123.dkr.ecr.example/order:1"}}, "is not a push target"),
            ({"Code": {"ImageUri": "http://host:99999"}}, "is not a push target"),
            ({"Code": {"ImageUri": "http://user@host"}}, "is not a push target"),
            ({"PackageType": "Zip", "Code": {"ZipFile": b"PK"}}, "perdure worker"),
            ({"Environment": {"Variables": {"A": "1"}}}, "Environment is not supported yet"),
            ({"Timeout": 901}, "'timeout' failed.*equal to 900"),
        ],
        ids=range(8),
    )
    def test_what_cannot_be_is_refused(
        self, aws: Any, function: str, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
            create(aws, function, **changes)
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            aws.get_function(FunctionName=function)

    def test_an_empty_environment_asks_for_nothing(self, aws: Any, function: str) -> None:
        create(aws, function, Environment={"Variables": {}}, Layers=[], Tags={})


class TestServe:
    def test_registering_creates_the_function_and_asks_for_its_code(
        self, aws: Any, http: httpx.Client, function: str
    ) -> None:
        sha256, content = archive(function)
        worker = RawWorker(http, function)
        (registered,) = worker.register(CodeSha256=sha256).json()["Functions"]
        assert registered == {
            "FunctionName": function,
            "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
            "CodeMissing": True,
        }
        assert http.get(f"/v1/code/{sha256}").status_code == 404
        assert http.put(f"/v1/code/{sha256}", content=content).status_code == 201
        assert http.get(f"/v1/code/{sha256}").content == content
        (registered,) = worker.register(CodeSha256=sha256).json()["Functions"]
        assert registered["CodeMissing"] is False
        found = aws.get_function(FunctionName=function)
        encoded = base64.b64encode(bytes.fromhex(sha256)).decode()
        assert found["Configuration"]["CodeSha256"] == encoded
        assert found["Configuration"]["Handler"] == "app.handler"
        assert httpx.get(found["Code"]["Location"]).content == content

    def test_only_a_change_makes_a_new_revision(
        self, aws: Any, http: httpx.Client, function: str
    ) -> None:
        def revision() -> str:
            return str(aws.get_function_configuration(FunctionName=function)["RevisionId"])

        worker = RawWorker(http, function)
        worker.register()
        first = revision()
        worker.register()
        assert revision() == first
        worker.register(Timeout=61, DurableConfig={**DURABLE, "ExecutionTimeout": 9})
        changed = aws.get_function_configuration(FunctionName=function)
        assert changed["RevisionId"] != first
        assert (changed["Timeout"], changed["DurableConfig"]["ExecutionTimeout"]) == (61, 9)

    def test_a_function_stays_durable_or_plain(
        self, aws: Any, http: httpx.Client, worker: RawWorker
    ) -> None:
        refused = RawWorker(http, worker.function).register(DurableConfig=None)
        assert refused.status_code == 409
        assert refused.headers["x-amzn-errortype"] == "ResourceConflictException"
        assert "exists as a durable function" in refused.json()["message"]

    def test_a_push_target_is_not_served(self, aws: Any, http: httpx.Client, function: str) -> None:
        create(aws, function)
        refused = RawWorker(http, function).register(DurableConfig=None)
        assert refused.status_code == 409
        assert "is a push target" in refused.json()["message"]


class TestPublish:
    def test_a_version_keeps_its_code_when_latest_moves_on(
        self, aws: Any, http: httpx.Client, function: str
    ) -> None:
        worker = RawWorker(http, function)
        old, new = archive(f"{function} old"), archive(f"{function} new")
        worker.register(CodeSha256=old[0])
        http.put(f"/v1/code/{old[0]}", content=old[1])
        published = aws.publish_version(FunctionName=function, Description="first")
        assert (published["Version"], published["Description"]) == ("1", "first")
        assert published["FunctionArn"].endswith(f":{function}:1")
        assert aws.publish_version(FunctionName=function)["Version"] == "1"
        worker.register(CodeSha256=new[0])
        http.put(f"/v1/code/{new[0]}", content=new[1])
        assert aws.publish_version(FunctionName=function)["Version"] == "2"
        versions = aws.list_versions_by_function(FunctionName=function)["Versions"]
        assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
        aws.invoke(FunctionName=f"{function}:1", InvocationType="Event")
        delivered = worker.take()
        assert delivered.header["Version"] == "1"
        assert delivered.header["CodeSha256"] == old[0]

    def test_it_waits_for_the_code(self, aws: Any, http: httpx.Client, function: str) -> None:
        RawWorker(http, function).register(CodeSha256=archive(function)[0])
        with pytest.raises(aws.exceptions.ResourceConflictException, match="not uploaded"):
            aws.publish_version(FunctionName=function)

    def test_code_that_is_too_large_to_keep_is_not_published(
        self, aws: Any, worker: RawWorker
    ) -> None:
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match="64 MiB"):
            aws.publish_version(FunctionName=worker.function)

    def test_another_revision_or_code_than_expected_is_refused(
        self, aws: Any, function: str
    ) -> None:
        create(aws, function)
        with pytest.raises(aws.exceptions.PreconditionFailedException):
            aws.publish_version(FunctionName=function, RevisionId="other")
        with pytest.raises(aws.exceptions.InvalidParameterValueException):
            aws.publish_version(FunctionName=function, CodeSha256="AAAA")
        revision = aws.get_function_configuration(FunctionName=function)["RevisionId"]
        assert aws.publish_version(FunctionName=function, RevisionId=revision)["Version"] == "1"

    def test_versions_are_paged(self, aws: Any, function: str) -> None:
        create(aws, function, Publish=True)
        pages = aws.get_paginator("list_versions_by_function").paginate(
            FunctionName=function, PaginationConfig={"PageSize": 1}
        )
        listed = [[version["Version"] for version in page["Versions"]] for page in pages]
        assert listed == [["$LATEST"], ["1"]]


def test_functions_are_listed_by_name_and_paged(aws: Any, function: str) -> None:
    names = [f"{function}-{n}" for n in range(3)]
    for name in names:
        create(aws, name)
    pages = aws.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    listed = [one["FunctionName"] for page in pages for one in page["Functions"]]
    assert listed == sorted(listed)
    assert set(names) <= set(listed)
    versions = aws.list_functions(FunctionVersion="ALL")["Functions"]
    assert all(one["FunctionArn"].endswith(f":{one['Version']}") for one in versions)


def test_code_is_checked_against_its_name(http: httpx.Client, function: str) -> None:
    sha256, content = archive(function)
    for name, body, message in (
        (sha256, content + b"x", "SHA-256 is not"),
        (hashlib.sha256(b"no zip").hexdigest(), b"no zip", "not a zip"),
        (sha256.upper(), content, "not a SHA-256"),
    ):
        answer = http.put(f"/v1/code/{name}", content=body)
        assert answer.status_code == 400
        assert message in answer.json()["message"]


def test_a_workers_function_names_where_its_dead_letters_go(aws: Any, worker: RawWorker) -> None:
    def target() -> Any:
        found = aws.get_function_configuration(FunctionName=worker.function)
        return found.get("DeadLetterConfig")

    assert target() is None
    url, arn = "https://example.com/letters", "arn:aws:https://example.com/letters"
    for spelled in (url, arn):
        assert worker.register(DeadLetterConfig={"TargetArn": spelled}).status_code == 200
        assert target() == {"TargetArn": arn}, "as Lambda's model has it"
    refused = worker.register(DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:0:q"})
    assert refused.status_code == 400
    assert "--dead-letter-target" in refused.json()["message"]
    assert worker.register(DeadLetterConfig={"TargetArn": ""}).status_code == 200
    assert target() is None
