"""What differs between a function as it is and as it shall be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from perdure.cli.deploy.target import Target
from perdure.client import DurableConfig, Function, FunctionSettings


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None for what is new. The values of variables are not told."""

    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.what} {_shown(self.after)}{self._was}"

    @property
    def _was(self) -> str:
        return "" if self.before in (None, "") else f" (was {_shown(self.before)})"


def settings_to_change(function: Function, target: Target) -> FunctionSettings:
    """Only what differs."""
    wanted = replace(
        target.settings,
        environment=_environment(function.environment, target),
        durable=_durable(function.durable, target.settings.durable),
    )
    return FunctionSettings(
        **{
            field.name: value
            for field in fields(wanted)
            if (value := getattr(wanted, field.name)) is not None
            and value != getattr(function, field.name)
        }
    )


def settings_of_new(target: Target, durable: DurableConfig) -> FunctionSettings:
    """`durable` is what a new durable function has unless the target says another."""
    settings = replace(
        target.settings,
        environment=_environment({}, target),
        durable=_durable(durable, target.settings.durable) if target.durable else None,
    )
    return settings


def told_changes(function: Function | None, settings: FunctionSettings) -> Iterator[Change]:
    """One for each setting; of the environment one for each variable."""
    for field in fields(settings):
        after = getattr(settings, field.name)
        before = None if function is None else getattr(function, field.name)
        if after is None:
            continue
        if field.name == "environment":
            yield from _variables(before or {}, after)
        elif field.name == "durable":
            yield from _durability(before, after)
        else:
            yield Change(_WORDS.get(field.name, field.name), before, after)


_WORDS: Mapping[str, str] = {
    "timeout_seconds": "timeout in seconds",
    "memory_mb": "memory in MB",
    "dead_letter_target": "dead letters to",
}


def _environment(before: Mapping[str, str], target: Target) -> Mapping[str, str] | None:
    replaced = target.settings.environment
    if replaced is None and not target.added and not target.removed:
        return None
    kept = before if replaced is None else replaced
    merged = {**kept, **target.added}
    return {name: value for name, value in merged.items() if name not in target.removed}


def _durable(before: DurableConfig | None, wanted: DurableConfig | None) -> DurableConfig | None:
    """What is not said stays."""
    if wanted is None or before is None:
        return wanted or before
    return DurableConfig(
        wanted.execution_timeout_seconds or before.execution_timeout_seconds,
        wanted.retention_days or before.retention_days,
    )


def _variables(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change("variable", None, f"{name} removed")
        elif name not in before:
            yield Change("variable", None, f"{name} added")
        elif before[name] != after[name]:
            yield Change("variable", None, f"{name} changed")


def _durability(before: DurableConfig | None, after: DurableConfig) -> Iterator[Change]:
    was = before or DurableConfig()
    for word, old, new in (
        (
            "execution timeout in seconds",
            was.execution_timeout_seconds,
            after.execution_timeout_seconds,
        ),
        ("retention in days", was.retention_days, after.retention_days),
    ):
        if new is not None and new != old:
            yield Change(word, old, new)


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
