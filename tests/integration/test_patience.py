"""A synchronous caller whose execution outlasts the time that callers wait."""

from __future__ import annotations

import json

from sqlalchemy.ext.asyncio import create_async_engine

from perdure_service.application.closings import Closings
from perdure_service.application.invoke import Invoke, InvokeRequest
from perdure_service.application.log_tails import LogTails
from perdure_service.application.resolve import ResolveFunction
from perdure_service.application.served_runtimes import ServedRuntimes
from perdure_service.application.unserved_waits import UnservedWaits
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.ids import ExecutionArn
from perdure_service.domain.limits import SYNC_INVOKE_SECONDS, Limits
from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.log_reading import PostgresLogReader
from perdure_service.postgres.log_writer import LogWriter
from perdure_service.postgres.worker_register import PostgresWorkerRegister
from tests.support.function_store import function_store
from tests.support.functions import ACCOUNT, REGION, function_version
from tests.support.logs import replica


async def test_the_caller_is_told_that_the_execution_goes_on(database_url: str) -> None:
    async with replica(database_url) as one:
        engine = create_async_engine(sqlalchemy_url(database_url))
        catalogue = PostgresFunctions(engine, one.clock, ACCOUNT, REGION)
        store = function_store(engine, one.clock, catalogue)
        await store.create(function_version())
        runtimes = ServedRuntimes(PostgresWorkerRegister(one.pool, one.clock), one.clock)
        tails = LogTails(PostgresLogReader(one.pool), LogWriter(database_url, one.clock, ACCOUNT))
        invoke = Invoke(
            log=one.log,
            resolve=ResolveFunction(catalogue, ACCOUNT, REGION),
            runtimes=runtimes,
            unserved_waits=UnservedWaits(one.log, catalogue, runtimes),
            closings=Closings(one.log),
            clock=one.clock,
            limits=Limits(),
            tails=tails,
            patience_seconds=0.05,
        )
        answer = await invoke(InvokeRequest("order:$LATEST", None, "{}"))
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
