"""One execution, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from perdure.cli.columns import columns, shown_span, shown_time
from perdure.client import ErrorObject, Execution
from perdure.client.results.progress import OperationProgress

_LABEL_WIDTH = 10
_MAX_PAYLOAD_CHARACTERS = 2_000
_MAX_ERROR_CHARACTERS = 200


def execution_report(
    execution: Execution, operations: Sequence[OperationProgress]
) -> Iterator[str]:
    ended = execution.ended_at
    took = shown_span(execution.started_at, ended)
    yield from _facts(
        ("arn", execution.arn),
        ("status", execution.status.value),
        ("started", shown_time(execution.started_at)),
        ("ended", f"{shown_time(ended)}  after {took}" if ended else ""),
        ("times out", shown_time(execution.times_out_at)),
        ("paused", "" if execution.pause is None else execution.pause.reason or "yes"),
        ("input", _payload(execution.input_value)),
        ("result", "" if execution.result is None else _payload(execution.result_value)),
    )
    yield from _failure(execution.error)
    if operations:
        yield ""
        yield from columns(
            ("operation", "type", "status", "attempt", "took", "due", "callback id", "error"),
            [_row(one) for one in operations],
        )


def _facts(*facts: tuple[str, str]) -> Iterator[str]:
    return (f"{label:<{_LABEL_WIDTH}} {text}" for label, text in facts if text)


def _failure(error: ErrorObject | None) -> Iterator[str]:
    if error is None:
        return
    yield from _facts(("error", str(error)))
    yield from (f"{'':<{_LABEL_WIDTH}} {line.rstrip()}" for line in error.stack_trace)


def _row(operation: OperationProgress) -> tuple[str, ...]:
    ended = operation.ended_at
    return (
        "  " * operation.depth + operation.name,
        operation.sub_type or operation.type,
        operation.status,
        "" if operation.attempt is None else str(operation.attempt),
        shown_span(operation.started_at, ended),
        shown_time(operation.due_at),
        operation.callback_id or "",
        _line(operation.error),
    )


def _line(error: ErrorObject | None) -> str:
    """Its last failure, also while it waits for its next attempt."""
    if error is None:
        return ""
    first, *rest = str(error).splitlines() or [""]
    cut = first[:_MAX_ERROR_CHARACTERS]
    return f"{cut} …" if rest or cut != first else cut


def _payload(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MAX_PAYLOAD_CHARACTERS:
        return text
    return f"{text[:_MAX_PAYLOAD_CHARACTERS]} … ({len(text)} characters; --json has them all)"
