"""Limits and budgets that an operator may change: by a flag, or by a variable of its name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perdure_service.options.table import OPTIONS, Option
from perdure_service.settings import Settings, SettingsError

__all__ = ["OPTIONS", "Option", "add_options", "chosen"]


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits and budgets")
    for option in OPTIONS:
        group.add_argument(option.flag, metavar="N", help=f"{option.help}; or {option.variable}")


def chosen(
    settings: Settings, flags: Mapping[str, str | None], environment: Mapping[str, str]
) -> Settings:
    """`settings` with what the flags, and for those left out the variables, say. Raises
    SettingsError for a value that cannot be used."""
    given = [(option, *_given(option, flags, environment)) for option in OPTIONS]
    for option, source, text in given:
        if text is not None:
            settings = _with(settings, option, source, text)
    retries = settings.retries
    if retries.first_delay_seconds > retries.max_delay_seconds:
        raise SettingsError(
            f"--retry-delay ({retries.first_delay_seconds:g} s) must not be longer than "
            f"--retry-max-delay ({retries.max_delay_seconds:g} s)."
        )
    return settings


def _given(
    option: Option, flags: Mapping[str, str | None], environment: Mapping[str, str]
) -> tuple[str, str | None]:
    """Where the value comes from, and the value. An empty variable is none."""
    flag = flags.get(option.name)
    if flag is not None:
        return option.flag, flag
    return option.variable, environment.get(option.variable) or None


def _with(settings: Settings, option: Option, source: str, text: str) -> Settings:
    try:
        value = option.parse(text)
    except ValueError as wrong:
        raise SettingsError(f"{source} must be {wrong}, not '{text[:100]}'.") from None
    change: dict[str, Any] = {option.field: value}
    if option.section is not None:
        change = {option.section: replace(getattr(settings, option.section), **change)}
    return replace(settings, **change)
