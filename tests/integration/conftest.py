"""What the agent's tests have in common: a service that speaks only the worker protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.worker_service import WorkerService, worker_service


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service() -> AsyncIterator[WorkerService]:
    async with worker_service() as service:
        yield service
