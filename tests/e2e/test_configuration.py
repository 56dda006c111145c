"""What UpdateFunctionConfiguration changes counts from the next invocation on, whoever runs it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Caller, logs_client
from tests.support.code import zip_of
from tests.support.languages import ROLE
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import running_worker

RUNTIME = f"python3.{sys.version_info.minor}"
CODE = """
import os


def handler(event, context):
    print("seen")
    names = ("STAGE", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "_HANDLER")
    return {
        **{name: os.environ.get(name) for name in names},
        "group": context.log_group_name,
        "seconds": round(context.get_remaining_time_in_millis() / 1000),
    }


def other(event, context):
    return handler(event, context)
"""
SDK_CODE = """
from perdure import durable_execution


@durable_execution
def handler(event, context):
    print("seen")
    return "done"
"""


@pytest.fixture(scope="module")
def pool(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("pool")
    with running_worker(folder, service.url, [], options=["--pool", RUNTIME]):
        yield Caller(service.url)


def test_a_deployed_function_is_run_as_it_is_configured_now(pool: Caller) -> None:
    name = f"configured-{uuid.uuid4().hex[:8]}"
    pool.client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zip_of({"app.py": CODE})},
        Timeout=60,
    )
    seen = {
        "STAGE": None,
        "AWS_LAMBDA_LOG_FORMAT": None,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "_HANDLER": "app.handler",
        "group": f"/aws/lambda/{name}",
        "seconds": 60,
    }
    assert pool.call(name).json == seen
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"Environment": {"Variables": {"STAGE": "one"}}}, {"STAGE": "one"}),
        ({"Environment": {"Variables": {"STAGE": "two"}}}, {"STAGE": "two"}),
        ({"MemorySize": 512}, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}),
        ({"Timeout": 90}, {"seconds": 90}),
        ({"Handler": "app.other"}, {"_HANDLER": "app.other"}),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, {"AWS_LAMBDA_LOG_FORMAT": "JSON"}),
        ({"LoggingConfig": {"LogGroup": f"{name}/log"}}, {"group": f"{name}/log"}),
    ]
    for change, shown in changes:
        pool.client.update_function_configuration(FunctionName=name, **change)
        seen |= shown
        assert pool.call(name).json == seen
    until_written(pool.url, f"{name}/log", "platform.report")
    pool.client.update_function_code(
        FunctionName=name, ZipFile=zip_of({"app.py": CODE.replace('"seen"', '"new"')})
    )
    assert pool.call(name).json == seen
    until_written(pool.url, f"{name}/log", "new")


@pytest.mark.parametrize("process", ["in one process", "in a process each"])
def test_a_served_function_is_logged_as_it_is_configured_now(
    service: ServiceProcess, tmp_path: Path, process: str
) -> None:
    name = f"logged-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "code" / "app.py"
    file.parent.mkdir()
    file.write_text(SDK_CODE if process == "in one process" else CODE)
    options = [] if process == "in one process" else ["--plain", name]
    caller = Caller(service.url)
    with running_worker(tmp_path, service.url, [f"{name}={file}:handler"], options=options):
        for group, form, memory_mb in (
            ("one", "Text", 256),
            ("two", "JSON", 256),
            ("three", "Text", 512),
        ):
            caller.client.update_function_configuration(
                FunctionName=name,
                MemorySize=memory_mb,
                LoggingConfig={"LogGroup": f"{name}/{group}", "LogFormat": form},
            )
            assert caller.call(f"{name}:$LATEST", {}).error is None
            told = "platform.report" if form == "JSON" else "REPORT RequestId: "
            until_written(service.url, f"{name}/{group}", told)
            log = written(service.url, f"{name}/{group}")
            assert log.count(told) == 1
            size = '"memorySizeMB": {}' if form == "JSON" else "Memory Size: {} MB"
            assert size.format(memory_mb) in log


def until_written(url: str, group: str, text: str) -> None:
    eventually(lambda: text in written(url, group))


def written(url: str, group: str) -> str:
    client = logs_client(url)
    if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return ""
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
    return "\n".join(event["message"] for page in pages for event in page["events"])
