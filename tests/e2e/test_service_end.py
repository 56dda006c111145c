"""The service told to end, with its own Postgres."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.contract.raw_worker import RawWorker
from tests.support.postgres import DatabaseServer, copy_data_folder
from tests.support.service import running_service
from tests.support.waiting import eventually


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_end_has_ended_its_postgres_by_then(
    stopped_data_folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "data").mkdir()
    copy_data_folder(stopped_data_folder, tmp_path / "data" / "postgres")
    with running_service(tmp_path) as service:
        (postgres,) = psutil.Process(service.pid).children()
        service.signal(number)
        assert service.ended() == 0
        assert not postgres.is_running()
    assert "Traceback" not in service.log


def test_a_caller_who_waits_is_sent_away_when_the_service_ends(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    with (
        database_server.clone(template_database) as url,
        running_service(tmp_path, database_url=url) as service,
        httpx.Client(base_url=service.url, timeout=60) as http,
        ThreadPoolExecutor() as threads,
    ):
        RawWorker(http, "idle").register()
        path = f"{service.url}/2015-03-31/functions/idle:$LATEST/invocations"
        waiting = threads.submit(httpx.post, path, content=b"{}", timeout=60)
        eventually(lambda: http.get("/v1/executions").json()["executions"])
        service.signal(signal.SIGTERM)
        answer = waiting.result(60)
        assert answer.status_code == 503
        assert "durable-execution" in answer.json()["Message"]
        assert service.ended() == 0
    assert service.tracebacks() == []
