"""Real processes on databases of their own, for the tests to kill."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.fault.orders import Orders


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path)


@pytest.fixture
def order() -> str:
    """The name of an order that no other test has."""
    return f"order-{uuid.uuid4().hex[:8]}"
