"""Limits and budgets from flags and variables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure_service.domain.limits import (
    LAMBDA_RATES,
    LIMITED_OPERATIONS,
    Limits,
    LogPolicy,
    RetryPolicy,
)
from perdure_service.domain.token_text import TokenText
from perdure_service.options import OPTIONS, chosen
from perdure_service.settings import Settings, SettingsError
from tests.support.lambda_model import durable_operations

RUNNING = (Path(__file__).resolve().parents[2] / "docs" / "running.md").read_text()


def test_without_a_word_they_are_as_on_lambda() -> None:
    settings = chosen(Settings(), {}, {})
    assert (settings.limits.operations, settings.limits.stored_bytes) == (3_000, 100_000_000)
    assert (settings.limits, settings.retries) == (Limits(), RetryPolicy())


def test_each_can_be_set_by_its_flag_and_by_its_variable() -> None:
    wanted = {
        "--max-operations": "7",
        "--max-stored-mb": "2",
        "--retry-delay": "0.5",
        "--retry-max-delay": "9",
        "--max-failures": "5",
        "--max-init-failures": "4",
        "--max-idle-pending": "2",
        "--idle-pending-delay": "0",
        "--async-retry-delays": "1,2.5",
        "--rates": "Invoke=2",
        "--log-retention-days": "3",
        "--log-group-mb": "50",
        "--s3": "https://store.example:9000",
        "--token-text": "old",
    }
    assert set(wanted) == {option.flag for option in OPTIONS}
    flags = {option.name: wanted[option.flag] for option in OPTIONS}
    variables = {option.variable: wanted[option.flag] for option in OPTIONS}
    by_flag, by_variable = chosen(Settings(), flags, {}), chosen(Settings(), {}, variables)
    assert by_flag == by_variable
    assert by_flag.limits == Limits(operations=7, stored_bytes=2_000_000)
    assert by_flag.rates == {"Invoke": 2}
    assert by_flag.logs == LogPolicy(retention_days=3, max_group_bytes=50_000_000)
    assert by_flag.token_text is TokenText.OLD
    assert by_flag.s3 == "https://store.example:9000"
    assert by_flag.retries == RetryPolicy(
        first_delay_seconds=0.5,
        max_delay_seconds=9,
        max_failures=5,
        max_init_failures=4,
        max_idle_pending=2,
        idle_pending_delay_seconds=0,
        async_plain_retry_delays_seconds=(1, 2.5),
    )


def test_a_flag_beats_its_variable_and_an_empty_variable_is_none() -> None:
    environment = {"PERDURE_MAX_OPERATIONS": "8", "PERDURE_MAX_STORED_MB": ""}
    settings = chosen(Settings(), {"max_operations": "7"}, environment)
    assert settings.limits == Limits(operations=7)


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--max-operations", "0", "--max-operations must be a whole number from 1 to 1000000"),
        ("--max-operations", "1e3", "whole number"),
        ("--max-operations", "9" * 5_000, "whole number"),
        ("--max-stored-mb", "-1", "from 1 to 10000, not '-1'"),
        ("--retry-delay", "0", "a number of seconds from 0.01 to 86400"),
        ("--retry-delay", "nan", "a number of seconds"),
        ("--retry-delay", "61", r"\(61 s\) must not be longer than --retry-max-delay \(60 s\)"),
        ("--max-failures", "", "whole number"),
        ("--async-retry-delays", "60,x", "a list like 60,120, each of it a number of seconds"),
        ("--async-retry-delays", ",".join("1" * 11), "at most 10"),
        ("--rates", "Everything=1", "names of durable operations, not 'Everything=1'"),
        ("--rates", "Invoke=0", "rates from 0.01 to 1000000 calls a second, or off"),
        ("--rates", "Invoke", "rates from"),
        ("--s3", "/nowhere", "--s3 must be the http or https URL .* or a folder, not '/nowhere'"),
        ("--s3", "s3://bucket", "URL of an S3-compatible store"),
        ("--token-text", "new", "must be one of client, lambda, old, not 'new'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(flag: str, value: str, message: str) -> None:
    (option,) = (one for one in OPTIONS if one.flag == flag)
    with pytest.raises(SettingsError, match=message):
        chosen(Settings(), {option.name: value}, {})


def test_rates_may_begin_with_lambdas_own() -> None:
    settings = chosen(Settings(), {"rates": "lambda, GetDurableExecution=off,Invoke=0.5"}, {})
    assert settings.rates["CheckpointDurableExecution"] == 10_000
    assert settings.rates["Invoke"] == 0.5
    assert "GetDurableExecution" not in settings.rates


def test_every_durable_operation_can_be_limited() -> None:
    assert set(LIMITED_OPERATIONS) == set(durable_operations())
    assert set(LAMBDA_RATES) <= set(LIMITED_OPERATIONS)


def test_a_variable_is_named_when_it_is_wrong() -> None:
    with pytest.raises(SettingsError, match="PERDURE_MAX_FAILURES must be"):
        chosen(Settings(), {}, {"PERDURE_MAX_FAILURES": "many"})


def test_the_command_refuses_what_cannot_be_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "perdure_service", "serve", "--max-operations", "none"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "--max-operations must be" in line


@pytest.mark.parametrize("option", OPTIONS, ids=[option.flag for option in OPTIONS])
def test_each_is_documented(option: object) -> None:
    assert f"`{getattr(option, 'flag', None)}`" in RUNNING
