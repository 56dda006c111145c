"""One service per test process; every test has functions of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.postgres import DatabaseServer


@pytest.fixture(scope="session")
def service(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("service")
    with (
        database_server.clone(template_database) as url,
        running_service(folder, url) as running,
    ):
        yield running


@pytest.fixture
def http(service: RunningService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def aws(service: RunningService) -> Any:
    """boto3 as anybody has it, but for repeats: a test sees the first answer."""
    return boto3.client(
        "lambda",
        endpoint_url=service.url,
        region_name="eu-west-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def function() -> str:
    """The name of a function that no other test uses."""
    return f"f-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def worker(http: httpx.Client, function: str) -> RawWorker:
    """A registered worker of a durable `function`."""
    worker = RawWorker(http, function)
    assert worker.register().status_code == 200
    return worker
