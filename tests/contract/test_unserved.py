"""Operations of Lambda that are not there: boto3 is told so, and what to do instead."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService
from tests.support.caller import unwatched_client

MAPPING = {"UUID": "0197e0c3-2c40-7000-8000-00000000000f"}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"


@pytest.fixture
def aws(service: RunningService) -> Any:
    return unwatched_client(service.url)


def refused(call: Any, **parameters: Any) -> str:
    """The message of a refusal that no SDK repeats or takes for a missing resource."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "UnknownOperationException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    return str(answer["Error"]["Message"])


def test_event_source_mappings_are_refused_with_what_to_do_instead(
    aws: Any, worker: RawWorker
) -> None:
    qualified = f"{worker.function}:$LATEST"
    for call, parameters in (
        (aws.create_event_source_mapping, {"FunctionName": qualified, "EventSourceArn": QUEUE}),
        (aws.list_event_source_mappings, {"FunctionName": qualified}),
        (aws.get_event_source_mapping, MAPPING),
        (aws.update_event_source_mapping, {**MAPPING, "Enabled": False}),
        (aws.delete_event_source_mapping, MAPPING),
    ):
        message = refused(call, **parameters)
        assert "Event source mappings are not there yet" in message
        assert "DurableExecutionName" in message


def test_other_operations_say_what_there_is(aws: Any, worker: RawWorker) -> None:
    function = {"FunctionName": worker.function}
    assert "dead letter" in refused(aws.get_function_event_invoke_config, **function)
    assert "See /docs" in refused(aws.get_policy, **function)
    assert "See /docs" in refused(aws.list_layers)


def test_the_path_of_another_operation_is_told_as_it_is_meant(aws: Any, worker: RawWorker) -> None:
    qualified = f"{worker.function}:$LATEST"
    assert f"/functions/{qualified}/policy is no operation" in refused(
        aws.get_policy, FunctionName=qualified
    )
