"""What differs between a function as it is and as it shall be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from perdure.cli.deploy.target import Target
from perdure.client import DurableConfig, Function, FunctionSettings, LoggingConfig

Config = TypeVar("Config", DurableConfig, LoggingConfig)


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
        durable=_merged(function.durable, target.settings.durable),
        logging=_merged(function.logging, target.settings.logging),
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
        durable=_merged(durable, target.settings.durable) if target.durable else None,
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
        elif isinstance(after, DurableConfig | LoggingConfig):
            yield from _members(before, after)
        else:
            yield Change(_WORDS.get(field.name, field.name), before, after)


_WORDS: Mapping[str, str] = {
    "timeout_seconds": "timeout in seconds",
    "memory_mb": "memory in MB",
    "dead_letter_target": "dead letters to",
    "DurableConfig.execution_timeout_seconds": "execution timeout in seconds",
    "DurableConfig.retention_days": "retention in days",
    "LoggingConfig.format": "log format",
    "LoggingConfig.application_level": "level of the function's log",
    "LoggingConfig.system_level": "level of the platform's log",
    "LoggingConfig.group": "log group",
}


def _environment(before: Mapping[str, str], target: Target) -> Mapping[str, str] | None:
    replaced = target.settings.environment
    if replaced is None and not target.added and not target.removed:
        return None
    kept = before if replaced is None else replaced
    merged = {**kept, **target.added}
    return {name: value for name, value in merged.items() if name not in target.removed}


def _merged(before: Config | None, wanted: Config | None) -> Config | None:
    """What is not said stays."""
    if wanted is None or before is None:
        return wanted or before
    said = {
        field.name: value
        for field in fields(wanted)
        if (value := getattr(wanted, field.name)) is not None
    }
    return replace(before, **said)


def _variables(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change("variable", None, f"{name} removed")
        elif name not in before:
            yield Change("variable", None, f"{name} added")
        elif before[name] != after[name]:
            yield Change("variable", None, f"{name} changed")


def _members(before: Config | None, after: Config) -> Iterator[Change]:
    for field in fields(after):
        old = None if before is None else getattr(before, field.name)
        new = getattr(after, field.name)
        if new is not None and new != old:
            yield Change(_WORDS[f"{type(after).__name__}.{field.name}"], old, new)


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
