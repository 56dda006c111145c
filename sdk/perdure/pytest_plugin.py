"""The fixture `durable` for pytest: a DurableTestRunner for each test. The histories of its
executions are shown when the test fails. `@pytest.mark.durable(skip_time=False)` gives the runner
other arguments.

Everything else is imported when a test asks for the fixture: pytest loads this module always.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perdure.testing import DurableTestRunner

_SHOWN_EXECUTIONS = 10


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "durable(**arguments): arguments of the fixture's DurableTestRunner"
    )


@pytest.fixture
def durable(request: pytest.FixtureRequest) -> DurableTestRunner:
    """Runs durable functions in memory, on a clock of its own."""
    from perdure.testing import DurableTestRunner

    marker = request.node.get_closest_marker("durable")
    return DurableTestRunner(**(marker.kwargs if marker is not None else {}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    runner = getattr(item, "funcargs", {}).get("durable")
    if report.when == "call" and report.failed and runner is not None:
        executions = getattr(runner, "executions", [])[:_SHOWN_EXECUTIONS]
        texts = [execution.text for execution in executions]
        if texts:
            report.sections.append(("Durable executions", "\n\n".join(texts)))
    return report
