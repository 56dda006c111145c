"""Postgres is gone: what boto3 gets from every operation."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from perdure_service.postgres.embedded import EmbeddedPostgres
from tests.contract.by_hand import ByHand
from tests.contract.calls import call, calls
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import running_service
from tests.support.caller import lambda_client
from tests.support.traffic import Traffic
from tests.support.waiting import eventually


def test_every_operation_is_refused_as_a_failure_of_the_service(
    own_postgres: EmbeddedPostgres, traffic: Traffic, function: str, tmp_path: Path
) -> None:
    """503: it may pass, and every SDK repeats it."""
    with (
        running_service(tmp_path, own_postgres.url) as service,
        httpx.Client(base_url=service.url, timeout=30) as http,
    ):
        aws = lambda_client(service.url, traffic=traffic)
        worker = RawWorker(http, function)
        worker.register()
        run = ByHand.start(aws, worker)
        opened = run.checkpoint({"Id": "c", "Type": "CALLBACK", "Action": "START"})["c"]
        every = calls(
            function=function,
            qualifier="$LATEST",
            arn=run.arn,
            token=run.token,
            callback_id=opened["CallbackDetails"]["CallbackId"],
        )
        os.kill(own_postgres.pid, signal.SIGKILL)
        eventually(lambda: not own_postgres.is_alive())
        for operation, parameters in every.items():
            _assert_away(aws, operation, parameters)
        own_postgres.restart()
        eventually(lambda: http.get("/ready").status_code == 200, 30)
        for operation in ("GetDurableExecution", "CheckpointDurableExecution", "Invoke"):
            call(aws, operation, every[operation])


def _assert_away(aws: Any, operation: str, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        call(aws, operation, parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ServiceException", operation
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
