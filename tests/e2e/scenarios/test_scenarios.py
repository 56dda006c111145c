"""Every scenario on every SDK, in real worker processes: its history is the expected one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.scenarios.conftest import Outcomes
from tests.e2e.scenarios.library import SCENARIOS
from tests.e2e.scenarios.plays.stage import PLAYS
from tests.support.history import HistoryDiffers


def test_the_history_is_as_written(
    sdk_name: str, scenario_name: str, outcomes: Callable[[str], Outcomes]
) -> None:
    outcome = outcomes(sdk_name)[scenario_name]
    match outcome.exception():
        case HistoryDiffers() as difference:
            pytest.fail(str(difference), pytrace=False)
        case _:
            outcome.result()


def test_every_play_has_its_scenario() -> None:
    assert sorted(PLAYS.keys() - SCENARIOS.keys()) == []
