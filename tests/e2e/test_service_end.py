"""The service told to end, with its own Postgres."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.support.postgres import copy_data_folder
from tests.support.service import running_service


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
