"""Fixtures of all tiers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.worker.node_runtime import NodeRuntime
from perdure_service.postgres.embedded import EmbeddedPostgres
from tests.support.javascript import installed_node_runtime
from tests.support.postgres import DatabaseServer, copy_data_folder, shared_server


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """The Postgres that all tests of this run share, in all pytest-xdist workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with shared_server(folder / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def template_database(database_server: DatabaseServer) -> str:
    """The name of a migrated database to clone; nobody can connect to it."""
    return database_server.migrated_template()


@pytest.fixture
def database_url(database_server: DatabaseServer, template_database: str) -> Iterator[str]:
    """A migrated, empty database of this test's own on the shared server."""
    with database_server.clone(template_database) as url:
        yield url


@pytest.fixture(scope="session")
def stopped_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder as a first start and stop leave it: copy it, never start it."""
    folder = tmp_path_factory.mktemp("embedded") / "stopped"
    with EmbeddedPostgres(folder):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_folder(stopped_data_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder of this test's own, with an empty cluster that nobody runs."""
    folder = tmp_path / "data"
    copy_data_folder(stopped_data_folder, folder)
    yield folder
    # pytest keeps the temporary folders of three runs; a cluster has 40 MB.
    shutil.rmtree(folder)


@pytest.fixture
def own_postgres(data_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A started server of this test's own, not migrated, for the test to kill."""
    with EmbeddedPostgres(data_folder) as server:
        yield server


@pytest.fixture(scope="session")
def node_runtime() -> NodeRuntime:
    """For tests that are marked `javascript`; they fail if it was not installed."""
    return installed_node_runtime()
