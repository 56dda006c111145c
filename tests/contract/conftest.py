"""One service per test process; every test has functions of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.caller import lambda_client
from tests.support.postgres import DatabaseServer
from tests.support.traffic import Journal, Traffic


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
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """What all tests of this folder have seen, in all pytest-xdist workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return Journal(folder / "traffic")


@pytest.fixture(scope="session")
def traffic(journal: Journal) -> Traffic:
    """What boto3 sees here."""
    return Traffic(journal.note)


@pytest.fixture(autouse=True)
def noted_as_done(request: pytest.FixtureRequest, journal: Journal) -> Iterator[None]:
    yield
    journal.done(request.node.nodeid)


@pytest.fixture(scope="session")
def aws(service: RunningService, traffic: Traffic) -> Any:
    """boto3 as anybody has it, but for repeats: a test sees the first answer."""
    return lambda_client(service.url, traffic=traffic)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the traffic of all others begins last."""
    looking_at_traffic = Path(__file__).parent / "test_model.py"
    items.sort(key=lambda item: item.path == looking_at_traffic)
