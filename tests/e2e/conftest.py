"""One service and one worker for all these tests, and boto3 in front of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.languages import JAVASCRIPT, PYTHON, Language
from tests.support.postgres import DatabaseServer
from tests.support.service import ServiceProcess, running_service
from tests.support.worker import WorkerProcess, running_worker

HANDLERS = Path(__file__).parent / "handlers"
ORDER = Path(__file__).parents[2] / "examples" / "order" / "lambda_function.py"


@pytest.fixture(scope="session")
def service(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    """As `perdure dev` runs it."""
    folder = tmp_path_factory.mktemp("service")
    with (
        database_server.clone(template_database) as url,
        running_service(folder, database_url=url, options=["--dev"]) as service,
    ):
        yield service


@pytest.fixture(scope="session")
def worker(
    service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    specs = [str(ORDER), f"{HANDLERS}/workflows.py", f"{HANDLERS}/plain.py"]
    folder = tmp_path_factory.mktemp("worker")
    options = ["--plain", "plain"]
    with running_worker(folder, service.url, specs, options=options) as worker:
        yield worker


@pytest.fixture(scope="session")
def caller(service: ServiceProcess, worker: WorkerProcess) -> Caller:
    caller = Caller(service.url)
    return caller


@pytest.fixture
def name() -> str:
    """A name that no other execution has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a handler notes what it does; it is not there yet."""
    return tmp_path / "notes"


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(PYTHON, id="python"),
        pytest.param(JAVASCRIPT, id="javascript", marks=pytest.mark.javascript),
    ],
)
def language(
    request: pytest.FixtureRequest,
    service: ServiceProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Language]:
    """With a worker that offers its runtime, and knows no function."""
    language: Language = request.param
    if language is JAVASCRIPT:
        request.getfixturevalue("node_runtime")
    folder = tmp_path_factory.mktemp("pool")
    with running_worker(folder, service.url, [], options=language.options):
        yield language
