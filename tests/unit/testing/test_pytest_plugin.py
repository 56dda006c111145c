"""The fixture, and the histories in a failure's report."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from tests.support.scripted import scripted

@scripted
async def nap(script):
    await script.wait("nap", seconds=60)
    return 1

def test_that_passes(durable):
    assert durable.run(nap).result == 1

def test_that_fails(durable):
    assert durable.run(nap).result == 2

@pytest.mark.durable(skip_time=False)
def test_with_arguments(durable):
    assert durable.run(nap).status == "RUNNING"
"""


def test_a_failure_shows_the_histories_of_the_fixtures_executions(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*Durable executions*", "History of nap (SUCCEEDED), *"])
