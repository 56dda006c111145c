"""The life of a function from its creation to its end, once per language, as boto3 drives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.caller import Caller, names_of, story_of
from tests.support.code import zip_of
from tests.support.languages import ROLE, Language
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually


@pytest.fixture
def order(service: ServiceProcess, language: Language, name: str) -> Iterator[Order]:
    order = Order(Caller(service.url), language, name)
    order.create()
    yield order
    order.delete()


class Order:
    """A function that is created, used and deleted."""

    def __init__(self, caller: Caller, language: Language, name: str) -> None:
        self.caller = caller
        self.aws = caller.client
        self.language = language
        self.name = name

    def create(self) -> None:
        created = self.aws.create_function(
            FunctionName=self.name,
            Runtime=self.language.runtime,
            Role=ROLE,
            Handler=self.language.handler,
            Code={"ZipFile": self.language.zip()},
            DurableConfig={"ExecutionTimeout": 600, "RetentionPeriodInDays": 1},
            Timeout=60,
            MemorySize=512,
        )
        assert (created["Version"], created["Runtime"]) == ("$LATEST", self.language.runtime)
        self.aws.get_waiter("function_active_v2").wait(FunctionName=self.name)

    def update(self, status: str) -> None:
        self.aws.update_function_code(FunctionName=self.name, ZipFile=self.language.zip(status))
        self.aws.get_waiter("function_updated_v2").wait(FunctionName=self.name)

    def publish(self, description: str = "") -> str:
        published = self.aws.publish_version(FunctionName=self.name, Description=description)
        version = str(published["Version"])
        self.aws.get_waiter("published_version_active").wait(
            FunctionName=self.name, Qualifier=version
        )
        return version

    def delete(self) -> None:
        self.aws.delete_function(FunctionName=self.name)


def event_of(number: int = 12345, wait_seconds: int = 1) -> dict[str, Any]:
    return {"orderId": f"order-{number}", "waitSeconds": wait_seconds}


def test_an_order_from_creation_to_clean_up(order: Order) -> None:
    caller, aws = order.caller, order.aws
    assert order.publish("Initial version") == "1"
    assert order.publish() == "1"  # nothing has changed

    answer = caller.call(f"{order.name}:1", event_of())
    assert answer.error is None, answer.body
    assert answer.version == "1"
    assert answer.json["status"] == "completed"
    assert [step["status"] for step in answer.json["steps"]] == ["validated", "paid", "confirmed"]

    assert answer.arn is not None
    (listed,) = aws.list_durable_executions_by_function(FunctionName=order.name)[
        "DurableExecutions"
    ]
    assert (listed["DurableExecutionArn"], listed["Status"]) == (answer.arn, "SUCCEEDED")
    execution = caller.get(answer.arn)
    assert (execution["Version"], json.loads(execution["Result"])) == ("1", answer.json)
    history = caller.history(answer.arn)
    assert names_of(history, "StepSucceeded") == ["validate", "pay", "confirm"]
    assert "WaitSucceeded warehouse" in story_of(history)
    assert story_of(history).count("InvocationCompleted") == 2  # before the wait and after it

    aws.delete_durable_execution(DurableExecutionArn=answer.arn)
    eventually(lambda: is_gone(caller, answer.arn), 20)
    aws.delete_function(FunctionName=order.name)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_function(FunctionName=order.name)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        caller.call(f"{order.name}:1", event_of())
    order.create()  # under the same name it is another function
    assert order.publish() == "1"
    assert (
        aws.list_durable_executions_by_function(FunctionName=order.name)["DurableExecutions"] == []
    )


def is_gone(caller: Caller, arn: str | None) -> bool:
    try:
        caller.client.get_durable_execution(DurableExecutionArn=arn)
    except caller.client.exceptions.ResourceNotFoundException:
        return True
    return False


def test_an_update_leaves_the_executions_of_the_old_version_alone(order: Order) -> None:
    caller, aws = order.caller, order.aws
    order.publish()
    aws.create_alias(FunctionName=order.name, Name="live", FunctionVersion="1")
    old = caller.start(f"{order.name}:live", event_of(1, wait_seconds=3), name="old")
    aws.pause_durable_execution(DurableExecutionArn=old)

    order.update("delivered")
    assert caller.call(f"{order.name}:$LATEST", event_of(2)).json["status"] == "delivered"
    assert order.publish() == "2"
    aws.update_alias(FunctionName=order.name, Name="live", FunctionVersion="2")
    new = caller.call(f"{order.name}:live", event_of(3), DurableExecutionName="new")
    assert (new.json["status"], new.version) == ("delivered", "2")
    assert caller.call(f"{order.name}:1", event_of(4)).json["status"] == "completed"

    assert caller.get(old)["Status"] in ("PAUSING", "PAUSED")
    aws.resume_durable_execution(DurableExecutionArn=old)
    closed = caller.until_closed(old)
    assert (closed["Status"], closed["Version"]) == ("SUCCEEDED", "1")
    assert json.loads(closed["Result"])["status"] == "completed"


def test_broken_code_is_told_and_the_next_deploy_works(order: Order) -> None:
    caller, aws = order.caller, order.aws
    plain = f"{order.name}-plain"
    aws.create_function(
        FunctionName=plain,
        Runtime=order.language.runtime,
        Role=ROLE,
        Handler="nothing.handler",
        Code={"ZipFile": order.language.zip()},
        Timeout=60,
        MemorySize=512,
    )
    broken = caller.call(plain, {})
    assert (broken.status, broken.error) == (200, "Unhandled")
    assert broken.json["errorType"] == "Runtime.ImportModuleError"
    suffix = order.language.file.suffix
    good = {
        ".py": "import os\ndef handler(event, context): return os.environ['GREETING']\n",
        ".mjs": "export const handler = async () => process.env.GREETING;\n",
    }
    aws.update_function_code(FunctionName=plain, ZipFile=zip_of({f"nothing{suffix}": good[suffix]}))
    aws.update_function_configuration(
        FunctionName=plain, Environment={"Variables": {"GREETING": "hello"}}
    )
    aws.get_waiter("function_updated_v2").wait(FunctionName=plain)
    assert caller.call(plain, {}).json == "hello"
    aws.update_function_configuration(
        FunctionName=plain, Environment={"Variables": {"GREETING": "good day"}}
    )
    assert caller.call(plain, {}).json == "good day"
    aws.delete_function(FunctionName=plain)
