"""The numbers, from where they are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from docs.tools.markdown import code, number, table
from perdure_service.domain import limits
from perdure_service.domain.limits import (
    LAMBDA_RATES,
    LIMITED_OPERATIONS,
    MEBIBYTE,
    DeliveryPolicy,
    Limits,
    RetryPolicy,
)
from perdure_service.options import OPTIONS

LIMITS: Mapping[str, str] = {
    "operations": "durable operations, the execution itself and each retry of a step included",
    "stored_bytes": "bytes written: its input, all results and errors",
    "operation_payload_bytes": (
        "result of a STEP, CONTEXT or CALLBACK, input or result of a CHAINED_INVOKE"
    ),
    "sync_output_bytes": "result, if a caller waits for it",
    "async_output_bytes": "result of an asynchronous or chained execution",
    "sync_input_bytes": "input, if the caller waits",
    "async_input_bytes": "input of an asynchronous execution",
    "error_bytes": "an error, all its members together",
    "state_page_bytes": "payloads in a page of state; at least one operation is in it",
    "state_page_items": "operations that an invocation or an answer to a checkpoint brings along",
    "history_page_bytes": "payloads in a page of history; at least one event is in it",
}
RETRIES: Mapping[str, str] = {
    "first_delay_seconds": "seconds before the first retry; it doubles with each failure in a row",
    "max_delay_seconds": "seconds, the longest of these waits",
    "max_failures": "failures in a row that end the execution",
    "max_init_failures": "the same, for code that fails to start; 3 in `perdure dev`",
    "max_idle_pending": "answers PENDING with nothing pending, in a row, that end the execution",
    "idle_pending_delay_seconds": "seconds between these",
    "async_plain_retry_delays_seconds": (
        "seconds before each retry of a plain function that was called asynchronously"
    ),
}
DELIVERIES: Mapping[str, str] = {
    "first_delay_seconds": "seconds before the second try; it doubles",
    "max_delay_seconds": "seconds, the longest of these waits",
    "max_tries": "tries, about six hours",
    "kept_days": "days that a letter is kept which was given up",
}
TIMES: Mapping[str, str] = {
    "MAX_EXECUTION_SECONDS": "the longest execution timeout; the shortest is 1",
    "MAX_DELAY_SECONDS": "the longest wait, and delay of a retry; the shortest is 1",
    "MAX_CALLBACK_TIMEOUT_SECONDS": "the longest timeout of a callback; 0 is none",
    "SYNC_INVOKE_SECONDS": "a synchronous caller waits",
    "CLIENT_TOKEN_WINDOW_SECONDS": "a ClientToken, or a repeated synchronous Invoke, is recognised",
    "MARKER_SECONDS": "a marker of a list is good",
    "PLAIN_RETENTION_SECONDS": "an invocation of a plain function is kept",
}
UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


def of_an_execution() -> Iterator[str]:
    yield from _section("limits", Limits(), LIMITS)


def of_retries() -> Iterator[str]:
    yield from _section("retries", RetryPolicy(), RETRIES)


def of_dead_letters() -> Iterator[str]:
    yield from _section("deliveries", DeliveryPolicy(), DELIVERIES)


def of_times() -> Iterator[str]:
    rows = ((meaning, _seconds(getattr(limits, name))) for name, meaning in TIMES.items())
    yield from table(("what", "seconds"), rows)


def of_rates() -> Iterator[str]:
    rates = ((name, LAMBDA_RATES.get(name)) for name in LIMITED_OPERATIONS)
    rows = ((code(name), "not told" if rate is None else number(rate)) for name, rate in rates)
    yield from table(("operation", "calls a second"), rows)


def _section(section: str, defaults: object, meanings: Mapping[str, str]) -> Iterator[str]:
    yield from table(("what", "default", "changed by"), _rows(section, defaults, meanings))


def _rows(section: str, defaults: object, meanings: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """A row for each field of `defaults`: what it is, its default, and what changes it."""
    assert dataclasses.is_dataclass(defaults)
    flags = {option.field: option.flag for option in OPTIONS if option.section == section}
    for field in dataclasses.fields(defaults):
        value = getattr(defaults, field.name)
        flag = code(flags[field.name]) if field.name in flags else "fixed"
        yield meanings[field.name], _shown(field.name, value), flag


def _seconds(value: int) -> str:
    """With the largest unit that it is more than one of, and without a rest."""
    for unit, seconds in UNITS:
        if value > seconds and value % seconds == 0:
            return f"{number(value)} ({value // seconds} {unit})"
    return number(value)


def _shown(name: str, value: object) -> str:
    match value:
        case None:
            return "no end"
        case tuple():
            return ", ".join(map(number, value))
        case int() if name.endswith("_bytes") and value % MEBIBYTE == 0:
            return f"{value // MEBIBYTE} MiB"
        case int() | float():
            return number(value)
        case _:
            raise TypeError(f"{name} is {value!r}, which no page shows")
