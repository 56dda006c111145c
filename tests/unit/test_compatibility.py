"""The page on SDKs says what the scenarios say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.scenarios.library import SCENARIOS, Scenario
from tests.e2e.scenarios.sdks import SDKS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
LEFT_OUT = [scenario for scenario in SCENARIOS.values() if scenario.without]


@pytest.mark.parametrize("scenario", LEFT_OUT, ids=[scenario.name for scenario in LEFT_OUT])
def test_a_scenario_that_an_sdk_cannot_run_is_told_with_the_reason(scenario: Scenario) -> None:
    page = PAGE.read_text()
    assert f"`{scenario.name}`" in page or f"`{scenario.area}`" in page


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_a_scenario_has_a_history_for_each_sdk_that_runs_it(scenario: Scenario) -> None:
    for sdk in SDKS:
        assert scenario.reason_against(sdk) or scenario.history_for(sdk)
