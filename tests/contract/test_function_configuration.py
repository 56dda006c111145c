"""UpdateFunctionConfiguration by boto3."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from perdure_service.domain.functions import ApplicationLogLevel, SystemLogLevel
from perdure_service.domain.runtimes import RUNTIMES
from tests.contract.function_calls import ROLE, create, create_from_zip
from tests.contract.running_service import RunningService


def test_what_is_set_changes_and_all_else_stays(aws: Any, function: str) -> None:
    created = create_from_zip(
        aws,
        function,
        Environment={"Variables": {"OLD": "1"}},
        DeadLetterConfig={"TargetArn": "arn:aws:https://example.com/letters"},
    )
    changes = {
        "Description": "after",
        "Timeout": 60,
        "MemorySize": 512,
        "Runtime": "python3.14",
        "Handler": "other.handler",
        "Role": f"{ROLE}2",
        "Environment": {"Variables": {"NEW": "2"}},
        "EphemeralStorage": {"Size": 2_048},
        "TracingConfig": {"Mode": "Active"},
    }
    updated = aws.update_function_configuration(FunctionName=function, **changes)
    assert {name: updated[name] for name in changes} == changes
    same = ("CodeSha256", "DeadLetterConfig", "Architectures", "LoggingConfig", "Version")
    assert {name: updated[name] for name in same} == {name: created[name] for name in same}
    assert updated["RevisionId"] != created["RevisionId"]
    cleared = aws.update_function_configuration(
        FunctionName=function,
        Layers=[],
        SnapStart={"ApplyOn": "None"},
        TracingConfig={"Mode": "PassThrough"},
        Environment={"Variables": {}},
        DeadLetterConfig={"TargetArn": ""},
        Description="",
    )
    assert not {"Environment", "DeadLetterConfig"} & cleared.keys()
    assert (cleared["Description"], cleared["Timeout"]) == ("", 60)


def test_a_version_keeps_its_configuration_and_its_environment(aws: Any, function: str) -> None:
    create_from_zip(aws, function, Environment={"Variables": {"STAGE": "1"}}, Publish=True)
    aws.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"STAGE": "2"}}, Timeout=9
    )
    frozen = aws.get_function_configuration(FunctionName=function, Qualifier="1")
    assert (frozen["Environment"]["Variables"], frozen["Timeout"]) == ({"STAGE": "1"}, 3)
    assert aws.publish_version(FunctionName=function)["Version"] == "2"


def test_a_durable_config_is_merged_and_never_appears_or_goes(aws: Any, function: str) -> None:
    config = {"ExecutionTimeout": 600, "RetentionPeriodInDays": 3}
    create_from_zip(aws, function, DurableConfig=config)
    for change in ({"RetentionPeriodInDays": 5}, {"ExecutionTimeout": 700}, {}):
        updated = aws.update_function_configuration(FunctionName=function, DurableConfig=change)
        config |= change
        assert updated["DurableConfig"] == config
    plain = f"{function}-plain"
    create_from_zip(aws, plain)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="plain function and"):
        aws.update_function_configuration(FunctionName=plain, DurableConfig=config)


def test_log_levels_are_those_of_json(aws: Any, function: str) -> None:
    create_from_zip(aws, function)

    def logging(**config: str) -> Any:
        answer = aws.update_function_configuration(FunctionName=function, LoggingConfig=config)
        return answer["LoggingConfig"]

    group = f"/aws/lambda/{function}"
    assert logging(LogFormat="JSON") == {
        "LogFormat": "JSON",
        "LogGroup": group,
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
    }
    assert logging(ApplicationLogLevel="ERROR")["ApplicationLogLevel"] == "ERROR"
    assert logging(LogFormat="Text") == {"LogFormat": "Text", "LogGroup": group}
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="Log level is not"):
        logging(ApplicationLogLevel="INFO")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Timeout": 901}, "'timeout' failed"),
        ({"Runtime": "python9"}, "'runtime' failed"),
        ({"Environment": {"Variables": {"_HANDLER": "x"}}}, "reserved keys"),
        ({"Layers": ["arn:aws:lambda:us-east-1:0:layer:a:1"]}, "Layers is not supported"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:0:q"}}, "dead-letter-target"),
        ({"DurableConfig": {"ExecutionTimeout": 31_622_401}}, "executionTimeout' failed"),
    ],
)
def test_what_cannot_be_leaves_all_as_it_was(
    aws: Any, function: str, changes: dict[str, Any], message: str
) -> None:
    create_from_zip(aws, function, DurableConfig={"ExecutionTimeout": 600})
    before = aws.get_function_configuration(FunctionName=function)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
        aws.update_function_configuration(FunctionName=function, **{"Description": "x", **changes})
    after = aws.get_function_configuration(FunctionName=function)
    assert after["RevisionId"] == before["RevisionId"]


def test_another_revision_than_expected_is_refused(aws: Any, function: str) -> None:
    revision = create_from_zip(aws, function)["RevisionId"]
    with pytest.raises(aws.exceptions.PreconditionFailedException):
        aws.update_function_configuration(FunctionName=function, RevisionId="x", Timeout=9)
    updated = aws.update_function_configuration(
        FunctionName=function, RevisionId=revision, Timeout=9
    )
    assert updated["Timeout"] == 9


def test_a_container_has_no_handler_to_set(aws: Any, function: str) -> None:
    create(aws, function)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="Handler or Runtime"):
        aws.update_function_configuration(FunctionName=function, Handler="a.b")
    assert aws.update_function_configuration(FunctionName=function, Timeout=7)["Timeout"] == 7


def test_a_version_is_no_place_to_change_things(aws: Any, function: str) -> None:
    create_from_zip(aws, function, Publish=True)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="leave out ':1'"):
        aws.update_function_configuration(FunctionName=f"{function}:1", Timeout=7)


def test_no_refusal_and_no_log_shows_a_value_of_the_environment(
    service: RunningService, aws: Any, http: httpx.Client, function: str
) -> None:
    for environment in (
        {"Variables": {"KEY": ["hush"]}},
        {"Variables": {"KEY": 7, "AWS_REGION": "hush"}},
        {"Variables": {"AWS_REGION": "hush"}},
        {"Variables": {"KEY": "hush\0"}},
        {"Variables": {"KEY": "hush" * 2_000}},
        ["hush"],
    ):
        answer = http.post(
            "/2015-03-31/functions",
            json={
                "FunctionName": function,
                "Runtime": "python3.13",
                "Handler": "a.b",
                "Code": {"ZipFile": "UEs="},
                "Environment": environment,
            },
        )
        assert answer.status_code == 400, answer.text
        assert "hush" not in answer.text
    create_from_zip(aws, function, Environment={"Variables": {"KEY": "hush"}}, Publish=True)
    changed = aws.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"KEY": "hush", "MORE": "hush"}}
    )
    assert changed["Environment"]["Variables"]["MORE"] == "hush"
    aws.delete_function(FunctionName=function)
    assert "hush" not in service.log.read_text()


def test_every_runtime_of_lambdas_may_be_named(aws: Any, function: str) -> None:
    for n, runtime in enumerate(RUNTIMES):
        name = f"{function}-{n}"
        assert create_from_zip(aws, name, Runtime=runtime)["Runtime"] == runtime
        updated = aws.update_function_configuration(FunctionName=name, Runtime=runtime)
        assert updated["Runtime"] == runtime


def test_every_log_level_may_be_named(aws: Any, function: str) -> None:
    create_from_zip(aws, function)
    for level in ApplicationLogLevel:
        config = {"LogFormat": "JSON", "ApplicationLogLevel": level.value}
        updated = aws.update_function_configuration(FunctionName=function, LoggingConfig=config)
        assert updated["LoggingConfig"]["ApplicationLogLevel"] == level
    for system_level in SystemLogLevel:
        config = {"LogFormat": "JSON", "SystemLogLevel": system_level.value}
        updated = aws.update_function_configuration(FunctionName=function, LoggingConfig=config)
        assert updated["LoggingConfig"]["SystemLogLevel"] == system_level
