"""Limits and budgets that an operator may change: by a flag, or by a variable of its name."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from perdure_service.settings import Settings, SettingsError

_MAX_OPERATIONS = 1_000_000
_MAX_STORED_MB = 10_000
_MAX_ATTEMPTS = 1_000_000
_MAX_DELAY_SECONDS = 86_400
_MAX_DELAYS = 10

Parse = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Option:
    """Sets `field` of `Settings.<section>`. `parse` raises ValueError, its text what the value
    must be."""

    flag: str
    section: str
    field: str
    parse: Parse
    help: str

    @property
    def name(self) -> str:
        """Under which argparse keeps the flag."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        return f"PERDURE_{self.name.upper()}"


def whole(least: int, most: int, unit: int = 1) -> Parse:
    """A whole number from `least` to `most`; `unit` is what one of it is worth."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:20]) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text) * unit

    return parse


def seconds(least: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= _MAX_DELAY_SECONDS:
            raise ValueError(f"a number of seconds from {least:g} to {_MAX_DELAY_SECONDS}")
        return value

    return parse


def delays(text: str) -> tuple[float, ...]:
    try:
        each = tuple(map(seconds(0), text.split(",")))
    except ValueError as wrong:
        raise ValueError(f"a list like 60,120, each of it {wrong}") from None
    if len(each) > _MAX_DELAYS:
        raise ValueError(f"a list of at most {_MAX_DELAYS} numbers")
    return each


OPTIONS = (
    Option(
        "--max-operations",
        "limits",
        "operations",
        whole(1, _MAX_OPERATIONS),
        "durable operations that one execution may have (3000, as on Lambda)",
    ),
    Option(
        "--max-stored-mb",
        "limits",
        "stored_bytes",
        whole(1, _MAX_STORED_MB, unit=1_000_000),
        "megabytes that one execution may write (100, as on Lambda)",
    ),
    Option(
        "--retry-delay",
        "retries",
        "first_delay_seconds",
        seconds(0.01),
        "seconds before a failed invocation is tried again; doubles each time (0.1)",
    ),
    Option(
        "--retry-max-delay",
        "retries",
        "max_delay_seconds",
        seconds(0.01),
        "the longest of these waits (60)",
    ),
    Option(
        "--max-failures",
        "retries",
        "max_failures",
        whole(1, _MAX_ATTEMPTS),
        "failed invocations in a row that end an execution (no end but its timeout)",
    ),
    Option(
        "--max-init-failures",
        "retries",
        "max_init_failures",
        whole(1, _MAX_ATTEMPTS),
        "the same, for code that fails to start (no end; 3 with --dev)",
    ),
    Option(
        "--max-idle-pending",
        "retries",
        "max_idle_pending",
        whole(1, _MAX_ATTEMPTS),
        "PENDING answers with nothing pending that end an execution (3)",
    ),
    Option(
        "--idle-pending-delay",
        "retries",
        "idle_pending_delay_seconds",
        seconds(0),
        "seconds between these (5)",
    ),
    Option(
        "--async-retry-delays",
        "retries",
        "async_plain_retry_delays_seconds",
        delays,
        "waits before each retry of a failed asynchronous call of a plain function (60,120)",
    ),
)


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
    section = replace(getattr(settings, option.section), **{option.field: value})
    return replace(settings, **{option.section: section})
