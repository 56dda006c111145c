"""What a deployment changes of a function that is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from perdure.cli.deploy.changes import settings_of_new, settings_to_change, told_changes
from perdure.cli.deploy.target import Target
from perdure.client import DurableConfig, Function, FunctionSettings, LoggingConfig

THERE = Function(
    name="f",
    arn="arn:f",
    version="$LATEST",
    runtime="python3.13",
    handler="app.handler",
    description="",
    timeout_seconds=3,
    memory_mb=128,
    package_type="Zip",
    code_sha256="x",
    code_bytes=1,
    durable=DurableConfig(60, 7),
    environment={"A": "1", "B": "2"},
    dead_letter_target=None,
    logging=LoggingConfig("Text", group="/aws/lambda/f"),
    role=None,
    state="Active",
    state_reason=None,
    last_update_status="Successful",
    last_update_status_reason=None,
    last_modified=datetime(2026, 1, 1, tzinfo=UTC),
    revision_id="r",
)


def told(target: Target) -> list[str]:
    return [str(one) for one in told_changes(THERE, settings_to_change(THERE, target))]


def test_what_is_as_it_shall_be_is_no_change() -> None:
    same = FunctionSettings(
        runtime="python3.13",
        handler="app.handler",
        timeout_seconds=3,
        durable=DurableConfig(60, None),
        environment={"B": "2", "A": "1"},
    )
    assert told(Target("f", same)) == []
    assert settings_to_change(THERE, Target("f", same)) == FunctionSettings()
    assert told(Target("f", FunctionSettings(), added={"A": "1"}, removed=("C",))) == []


def test_each_change_is_told_with_what_was() -> None:
    wanted = FunctionSettings(
        timeout_seconds=9,
        description="new",
        durable=DurableConfig(retention_days=14),
        logging=LoggingConfig("JSON"),
    )
    assert told(Target("f", wanted)) == [
        "description new",
        "timeout in seconds 9 (was 3)",
        "retention in days 14 (was 7)",
        "log format JSON (was Text)",
    ]
    changed = settings_to_change(THERE, Target("f", wanted))
    assert changed.durable == DurableConfig(60, 14)
    assert changed.logging == LoggingConfig("JSON", group="/aws/lambda/f")


def test_variables_are_changed_one_by_one_or_all_at_once_and_their_values_not_told() -> None:
    target = Target("f", FunctionSettings(), added={"A": "secret", "C": "3"}, removed=("B",))
    assert told(target) == ["variable A changed", "variable B removed", "variable C added"]
    assert settings_to_change(THERE, target).environment == {"A": "secret", "C": "3"}
    every = Target("f", FunctionSettings(environment={"C": "3"}))
    assert settings_to_change(THERE, every).environment == {"C": "3"}
    assert "secret" not in repr(target)


@pytest.mark.parametrize(
    ("durable", "wanted", "expected"),
    [
        (True, None, DurableConfig(86_400, 14)),
        (True, DurableConfig(60), DurableConfig(60, 14)),
        (False, None, None),
    ],
)
def test_a_new_function_is_durable_unless_it_shall_not_be(
    durable: bool, wanted: DurableConfig | None, expected: DurableConfig | None
) -> None:
    target = Target("f", FunctionSettings(durable=wanted), durable=durable)
    made = settings_of_new(target, DurableConfig(86_400, 14))
    assert made.durable == expected


def test_a_plain_function_stays_plain() -> None:
    plain = replace(THERE, durable=None)
    assert settings_to_change(plain, Target("f", FunctionSettings())) == FunctionSettings()
