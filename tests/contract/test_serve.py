"""What workers make of the functions that they serve."""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract.function_calls import create, sha256, sha256_base64, zipped
from tests.contract.raw_worker import DURABLE, RawWorker


def test_registering_creates_the_function_and_asks_for_its_code(
    aws: Any, http: httpx.Client, function: str
) -> None:
    content = zipped(function)
    name = sha256(content)
    worker = RawWorker(http, function)
    (registered,) = worker.register(CodeSha256=name).json()["Functions"]
    assert registered == {
        "FunctionName": function,
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
        "CodeMissing": True,
    }
    assert http.get(f"/v1/code/{name}").status_code == 404
    assert http.put(f"/v1/code/{name}", content=content).status_code == 201
    assert http.get(f"/v1/code/{name}").content == content
    (registered,) = worker.register(CodeSha256=name).json()["Functions"]
    assert registered["CodeMissing"] is False
    found = aws.get_function(FunctionName=function)
    assert found["Configuration"]["CodeSha256"] == sha256_base64(content)
    assert found["Configuration"]["Handler"] == "app.handler"
    assert httpx.get(found["Code"]["Location"]).content == content


def test_only_a_change_makes_a_new_revision(aws: Any, http: httpx.Client, function: str) -> None:
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


def test_a_function_stays_durable_or_plain(aws: Any, http: httpx.Client, worker: RawWorker) -> None:
    refused = RawWorker(http, worker.function).register(DurableConfig=None)
    assert refused.status_code == 409
    assert refused.headers["x-amzn-errortype"] == "ResourceConflictException"
    assert "exists as a durable function" in refused.json()["message"]


def test_a_push_target_is_not_served(aws: Any, http: httpx.Client, function: str) -> None:
    create(aws, function)
    refused = RawWorker(http, function).register(DurableConfig=None)
    assert refused.status_code == 409
    assert "is a push target" in refused.json()["message"]


def test_code_is_checked_against_its_name(http: httpx.Client, function: str) -> None:
    content = zipped(function)
    for name, body, message in (
        (sha256(content), content + b"x", "SHA-256 is not"),
        (sha256(b"no zip"), b"no zip", "not a zip"),
        (sha256(content).upper(), content, "not a SHA-256"),
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


def test_what_was_set_by_the_api_stays_until_the_worker_declares_something_else(
    aws: Any, worker: RawWorker
) -> None:
    def settings() -> tuple[Any, ...]:
        found = aws.get_function_configuration(FunctionName=worker.function)
        return (
            found["Timeout"],
            found["MemorySize"],
            found["DurableConfig"]["ExecutionTimeout"],
            found["DurableConfig"]["RetentionPeriodInDays"],
            found.get("DeadLetterConfig"),
        )

    letters = {"TargetArn": "arn:aws:https://example.com/letters"}
    declared = settings()
    aws.update_function_configuration(
        FunctionName=worker.function,
        Timeout=7,
        MemorySize=512,
        DurableConfig={"RetentionPeriodInDays": 3},
        DeadLetterConfig=letters,
    )
    by_api = (7, 512, DURABLE["ExecutionTimeout"], 3, letters)
    assert settings() == by_api != declared
    another = RawWorker(worker.http, worker.function)
    for one in (worker, another):
        assert one.register().status_code == 200
        assert settings() == by_api
    longer = {**DURABLE, "ExecutionTimeout": 9}
    worker.register(Timeout=61, DurableConfig=longer)
    assert settings() == (61, 512, 9, 3, letters), "the rest was declared as before"
    aws.update_function_configuration(FunctionName=worker.function, Timeout=7)
    worker.register(Timeout=61, DurableConfig=longer)
    assert settings() == (7, 512, 9, 3, letters)


def test_what_a_worker_declares_is_of_no_published_version(
    aws: Any, http: httpx.Client, worker: RawWorker
) -> None:
    content = zipped(worker.function)
    worker.register(CodeSha256=sha256(content))
    assert http.put(f"/v1/code/{sha256(content)}", content=content).status_code == 201
    aws.publish_version(FunctionName=worker.function)
    aws.update_function_configuration(FunctionName=worker.function, Timeout=61)
    worker.register(CodeSha256=sha256(content), Timeout=61)
    aws.publish_version(FunctionName=worker.function)
    worker.register(CodeSha256=sha256(content), Timeout=62)
    aws.update_function_configuration(FunctionName=worker.function, Timeout=61)
    again = aws.publish_version(FunctionName=worker.function)
    assert again["Version"] == "2", "it differs from version 2 in nothing but what was declared"
