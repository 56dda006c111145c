"""A synchronous caller whose execution outlasts the time that callers wait."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from perdure_service.application.closings import Closings
from perdure_service.application.invoke import Invoke, InvokeRequest
from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.functions import DurableConfig, FunctionVersion, PackageType
from perdure_service.domain.ids import ExecutionArn, FunctionVersionId
from perdure_service.domain.limits import SYNC_INVOKE_SECONDS, Limits
from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.functions import PostgresFunctions
from tests.support.logs import Replica, replica

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def slow(one: Replica) -> FunctionVersion:
    """A function that no worker serves."""
    return FunctionVersion(
        id=FunctionVersionId("0197e0c3-2c40-7000-8000-0000000000f1"),
        account=ACCOUNT,
        region=REGION,
        function_name="slow",
        version="$LATEST",
        durable=DurableConfig(execution_timeout_seconds=3_600),
        timeout_seconds=60,
        memory_mb=128,
        package_type=PackageType.ZIP,
        runtime="python3.13",
        handler="slow.handler",
        code_sha256=None,
        image_uri=None,
        description="",
        revision_id="0197e0c3-2c40-7000-8000-0000000000f2",
        created_at=one.clock.now(),
    )


async def test_the_caller_is_told_that_the_execution_goes_on(database_url: str) -> None:
    async with replica(database_url) as one:
        engine = create_async_engine(sqlalchemy_url(database_url))
        catalogue = PostgresFunctions(engine, one.clock, ACCOUNT)
        await catalogue.create(slow(one))
        invoke = Invoke(
            one.log,
            ResolveFunction(catalogue, ACCOUNT, REGION),
            Closings(one.log),
            one.clock,
            Limits(),
            patience_seconds=0.05,
        )
        answer = await invoke(InvokeRequest("slow:$LATEST", None, "{}"))
        assert answer.function_error == "Unhandled"
        assert answer.execution_arn is not None
        assert answer.body is not None
        error = json.loads(answer.body)
        assert error["errorType"] == "Sandbox.Timedout"
        assert (
            f"still running after {SYNC_INVOKE_SECONDS} seconds. It goes on"
            in error["errorMessage"]
        )
        execution = await one.log.read(ExecutionArn.parse(answer.execution_arn).id)
        assert execution.status is ExecutionStatus.RUNNING
        await engine.dispose()
