"""A Postgres that may lose what was acknowledged is refused, or spoken of."""

from __future__ import annotations

from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.service import ServiceProcess, running_service


@pytest.fixture
def careless_url(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    return database_url


def test_the_service_refuses_it(careless_url: str, tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path, database_url=careless_url)
    service.begin()
    assert service.ended(60) == 1
    assert "synchronous_commit=off" in service.output
    assert "--unsafe-durability" in service.output
    assert "Traceback" not in service.output


def test_the_service_says_so_when_it_is_told_to_take_it(careless_url: str, tmp_path: Path) -> None:
    options = ["--unsafe-durability"]
    with running_service(tmp_path, database_url=careless_url, options=options) as service:
        assert "synchronous_commit=off" in httpx.get(f"{service.url}/ready").text
