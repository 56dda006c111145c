"""Executions are purged whichever service is there to do it, and whatever became of the others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.support.caller import Caller
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually

FUNCTION = "order"


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[list[ServiceProcess]]:
    """Two on one database."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_service(tmp_path / name, database_url=database_url))
            for name in ("a", "b")
        ]


def create_function(caller: Caller) -> None:
    """Nobody answers at its URL, so its executions are open until they are stopped."""
    caller.client.create_function(
        FunctionName=FUNCTION,
        PackageType="Image",
        Code={"ImageUri": "http://127.0.0.1:9"},
        Role="arn:aws:iam::000000000000:role/none",
        DurableConfig={"ExecutionTimeout": 3_600, "RetentionPeriodInDays": 1},
    )


def closed(caller: Caller, name: str) -> str:
    arn = caller.start(f"{FUNCTION}:$LATEST", {"name": name}, name=name)
    caller.client.stop_durable_execution(DurableExecutionArn=arn)
    return arn


def is_gone(caller: Caller, arn: str) -> bool:
    try:
        caller.get(arn)
    except caller.client.exceptions.ResourceNotFoundException:
        return True
    return False


def rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM execution) + (SELECT count(*) FROM event)"
            " + (SELECT count(*) FROM execution_name) + (SELECT count(*) FROM invocation)"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_one_deletes_is_gone_for_the_other_too(
    services: list[ServiceProcess], database_url: str
) -> None:
    """Though the other still has it in memory; and its name begins anew there."""
    one, other = (Caller(service.url) for service in services)
    create_function(one)
    name = f"n-{uuid.uuid4().hex[:8]}"
    arn = closed(other, name)
    one.client.delete_durable_execution(DurableExecutionArn=arn)
    again = other.start(f"{FUNCTION}:$LATEST", {"another": "event"}, name=name)
    assert again != arn
    for caller in (one, other):
        eventually(lambda: is_gone(caller, arn), 30)  # noqa: B023  looked at before the next
        with pytest.raises(caller.client.exceptions.ResourceNotFoundException):
            caller.history(arn)
        with pytest.raises(caller.client.exceptions.ResourceNotFoundException):
            caller.client.stop_durable_execution(DurableExecutionArn=arn)
        assert caller.get(again)["Status"] == "RUNNING"
    other.client.stop_durable_execution(DurableExecutionArn=again)
    other.client.delete_durable_execution(DurableExecutionArn=again)
    eventually(lambda: rows(database_url) == 0, 30)


def test_what_came_due_while_no_service_was_there_goes_when_one_is_back(
    database_url: str, tmp_path: Path
) -> None:
    with running_service(tmp_path, database_url=database_url) as service:
        caller = Caller(service.url)
        create_function(caller)
        arns = [closed(caller, f"n-{number}") for number in range(3)]
        service.kill()
        with psycopg.connect(database_url, autocommit=True) as connection:
            move = "UPDATE execution SET purge_at = now() + make_interval(secs => %s) WHERE id = %s"
            for seconds, arn in zip((-3_600, 3, 3_600), arns, strict=True):
                connection.execute(move, [seconds, arn.rpartition("/")[2]])
        service.start()
        for arn in arns[:2]:
            eventually(lambda: is_gone(caller, arn), 30)  # noqa: B023  looked at before the next
        assert caller.get(arns[2])["Status"] == "STOPPED"
