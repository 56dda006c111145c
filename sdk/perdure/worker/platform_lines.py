"""The lines that Lambda itself writes into a function's log: START, END and REPORT."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from perdure.worker.clock import iso_milliseconds
from perdure.worker.invocation import Invocation, Outcome, Result, timed_out_text


@dataclass(frozen=True, slots=True)
class Usage:
    """What an invocation took. `init_ms` is there for the first of a process: its start."""

    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None

    @property
    def billed_ms(self) -> int:
        return math.ceil(self.duration_ms + (self.init_ms or 0))


def start_text(invocation: Invocation) -> str:
    return f"START RequestId: {invocation.id} Version: {invocation.version}"


def end_text(invocation: Invocation) -> str:
    return f"END RequestId: {invocation.id}"


def failure_text(invocation: Invocation, result: Result, at_ms: int) -> str | None:
    """What Lambda writes of an invocation that the function did not end by itself."""
    if result.outcome is Outcome.TIMEOUT:
        text = timed_out_text(invocation.timeout_seconds)
        return f"{iso_milliseconds(at_ms)} {invocation.id} {text}"
    if result.outcome in (Outcome.EXIT, Outcome.INIT_ERROR):
        error = _error_of(result)
        return f"{error.get('errorMessage')}\n{error.get('errorType')}"
    return None


def report_text(invocation: Invocation, result: Result, usage: Usage) -> str:
    fields = [
        f"REPORT RequestId: {invocation.id}",
        f"Duration: {usage.duration_ms:.2f} ms",
        f"Billed Duration: {usage.billed_ms} ms",
        f"Memory Size: {usage.memory_mb} MB",
        f"Max Memory Used: {usage.max_memory_mb} MB",
    ]
    if usage.init_ms is not None:
        fields.append(f"Init Duration: {usage.init_ms:.2f} ms")
    if result.outcome is Outcome.TIMEOUT:
        fields.append("Status: timeout")
    elif result.outcome in (Outcome.EXIT, Outcome.INIT_ERROR):
        fields += ["Status: error", f"Error Type: {_error_of(result).get('errorType')}"]
    return "\t".join(fields) + "\t"


def start_json(invocation: Invocation, at_ms: int) -> str:
    record = {"requestId": invocation.id, "version": invocation.version}
    return _event("platform.start", record, at_ms)


def failure_json(invocation: Invocation, result: Result, at_ms: int) -> str | None:
    text = failure_text(invocation, result, at_ms)
    if text is None:
        return None
    record = {"timestamp": iso_milliseconds(at_ms), "level": "ERROR", "message": text}
    return json.dumps({**record, "requestId": invocation.id})


def report_json(invocation: Invocation, result: Result, usage: Usage, at_ms: int) -> str:
    metrics: dict[str, float] = {
        "durationMs": round(usage.duration_ms, 3),
        "billedDurationMs": usage.billed_ms,
        "memorySizeMB": usage.memory_mb,
        "maxMemoryUsedMB": usage.max_memory_mb,
    }
    if usage.init_ms is not None:
        metrics["initDurationMs"] = round(usage.init_ms, 3)
    record: dict[str, Any] = {"requestId": invocation.id, "metrics": metrics}
    record["status"] = _STATUSES[result.outcome]
    if is_failure(result):
        record["errorType"] = _error_of(result).get("errorType")
    return _event("platform.report", record, at_ms)


def is_failure(result: Result) -> bool:
    """Whether the invocation ended otherwise than by the function's own word."""
    return result.outcome in (Outcome.TIMEOUT, Outcome.EXIT, Outcome.INIT_ERROR)


_STATUSES = {
    Outcome.RETURNED: "success",
    Outcome.ERROR: "success",
    Outcome.INIT_ERROR: "error",
    Outcome.EXIT: "error",
    Outcome.TIMEOUT: "timeout",
}
"""A function that answers with an error of its own has run well, as far as the platform goes."""


def _event(kind: str, record: dict[str, Any], at_ms: int) -> str:
    return json.dumps({"time": iso_milliseconds(at_ms), "type": kind, "record": record})


def _error_of(result: Result) -> dict[str, str]:
    """What the error's JSON tells as text. The function wrote it: it may be anything."""
    try:
        error = json.loads(result.body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(error, dict):
        return {}
    # JSON may spell half a character, which nobody can write.
    return {
        name: told.encode("utf-8", "replace").decode()
        for name, told in error.items()
        if name in ("errorMessage", "errorType") and isinstance(told, str)
    }
