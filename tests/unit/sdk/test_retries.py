"""Strategies decide as those of AWS's SDK do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_durable_execution_sdk_python import config as aws_config
from aws_durable_execution_sdk_python import retries as aws_retries
from aws_durable_execution_sdk_python import waits as aws_waits

from perdure import config, retries, waits
from perdure.exceptions import WaitForConditionError

PRESETS = ["none", "default", "transient", "resource_availability", "critical", "linear", "fixed"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jitter takes half of what it may."""
    monkeypatch.setattr("random.random", lambda: 0.5)


def decisions(strategy: Any) -> list[tuple[bool, int]]:
    made = [strategy(ValueError("no"), attempt) for attempt in range(1, 13)]
    return [(decision.should_retry, decision.delay_seconds) for decision in made]


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_the_same_delays(preset: str) -> None:
    ours = getattr(retries.RetryPresets, preset)()
    assert decisions(ours) == decisions(getattr(aws_retries.RetryPresets, preset)())


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("jitter", ["NONE", "FULL", "HALF"])
def test_strategies_have_the_same_delays(jitter: str) -> None:
    def strategies(own: Any, own_config: Any) -> list[Any]:
        common = {
            "max_attempts": 9,
            "initial_delay": own_config.Duration(3),
            "max_delay": own_config.Duration(40),
            "jitter_strategy": own_config.JitterStrategy[jitter],
        }
        linear = own.LinearRetryStrategyConfig(**common, increment=own_config.Duration(4))
        return [
            own.create_retry_strategy(own.RetryStrategyConfig(**common, backoff_rate=1.7)),
            own.create_linear_retry_strategy(linear),
        ]

    for ours, theirs in zip(
        strategies(retries, config), strategies(aws_retries, aws_config), strict=True
    ):
        assert decisions(ours) == decisions(theirs)


@pytest.mark.parametrize(
    ("options", "retried"),
    [
        ({}, ["Busy", "Gone"]),
        ({"retryable_errors": ["is busy"]}, ["Busy"]),
        ({"retryable_errors": [re.compile("^it .* busy$")]}, ["Busy"]),
        ({"retryable_error_types": [KeyError]}, ["Gone"]),
        ({"retryable_errors": ["busy"], "retryable_error_types": [LookupError]}, ["Busy", "Gone"]),
        ({"retryable_errors": []}, []),
    ],
)
def test_errors_are_chosen_by_text_or_type(options: dict[str, Any], retried: list[str]) -> None:
    strategy = retries.create_retry_strategy(retries.RetryStrategyConfig(**options))
    errors = {"Busy": ValueError("it is busy"), "Gone": KeyError("gone")}
    assert [name for name, error in errors.items() if strategy(error, 1).should_retry] == retried


@pytest.mark.usefixtures("drawn")
def test_polling_has_the_same_delays_and_the_same_end() -> None:
    def polled(own: Any) -> list[Any]:
        options = own.WaitStrategyConfig(should_continue_polling=bool, max_attempts=8)
        strategy = own.create_wait_strategy(options)
        made = [strategy(True, attempt) for attempt in range(1, 8)]
        return [each.delay_seconds for each in made] + [strategy(False, 8).should_continue]

    assert polled(waits) == polled(aws_waits)
    strategy = waits.create_wait_strategy(waits.WaitStrategyConfig(bool, max_attempts=2))
    with pytest.raises(WaitForConditionError, match="exhausted 2 attempts"):
        strategy(True, 2)
