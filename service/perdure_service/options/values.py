"""What the text of a flag may be. Each parser raises ValueError, its text what it must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from perdure_service.domain.http_url import http_url
from perdure_service.domain.limits import LAMBDA_RATES, LIMITED_OPERATIONS

Choice = TypeVar("Choice", bound=StrEnum)

_MAX_DELAY_SECONDS = 86_400
_MAX_DELAYS = 10
_LEAST_RATE = 0.01
_MOST_RATE = 1_000_000


def whole(least: int, most: int, unit: int = 1) -> Callable[[str], int]:
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


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    def parse(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            raise ValueError(f"one of {', '.join(choices)}") from None

    return parse


def buckets(text: str) -> str:
    """The URL of a store, or the path of a folder that is there."""
    url = http_url(text)
    if url is not None and not url.query:
        return text
    if "://" in text or not Path(text).is_dir():
        raise ValueError("the http or https URL of an S3-compatible store, or a folder")
    return text


def rates(text: str) -> dict[str, float]:
    """`lambda` is Lambda's own rates; an operation after it has the rate that it is given."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, rate = part.strip().partition("=")
        if part.strip() == "lambda":
            found |= LAMBDA_RATES
        elif name not in LIMITED_OPERATIONS:
            raise ValueError(
                "a list like lambda,StopDurableExecution=5 with names of durable operations"
            )
        elif rate == "off":
            found.pop(name, None)
        else:
            found[name] = _rate(rate)
    return found


def _rate(text: str) -> float:
    try:
        per_second = float(text)
    except ValueError:
        per_second = math.nan
    if not _LEAST_RATE <= per_second <= _MOST_RATE:
        raise ValueError(
            f"a list of rates from {_LEAST_RATE:g} to {_MOST_RATE} calls a second, or off"
        )
    return per_second
