"""One line per event, for somebody who watches a terminal."""

from __future__ import annotations

import sys

from perdure_service.domain.events import Attempt, Event, WaitTimes
from perdure_service.domain.execution import Identity
from perdure_service.ports.log import Commit

_TEXT_WIDTH = 100


def narrate(commit: Commit) -> None:
    """Write what was committed to standard output."""
    identity = commit.after.identity
    if not identity.durable:
        return
    for event in commit.events:
        sys.stdout.write(f"{_line(identity, event)}\n")
    sys.stdout.flush()


def _line(identity: Identity, event: Event) -> str:
    subject = f"{identity.function_name}:{identity.version} {identity.name[-12:]}"
    about = None if event.operation_id == identity.id else event.name or event.sub_type
    parts = [f"{subject}  {event.id:>4} {event.type.value}", about, _detail(event), _text(event)]
    return "  ".join(part for part in parts if part)


def _detail(event: Event) -> str | None:
    match event.detail:
        case WaitTimes(duration_seconds=seconds):
            return f"{seconds} s"
        case Attempt(number=number, next_delay_seconds=int() as delay):
            return f"attempt {number}, next in {delay} s"
        case Attempt(number=number) if number > 1:
            return f"attempt {number}"
        case _:
            return None


def _text(event: Event) -> str | None:
    text = event.payload
    if event.error is not None:
        text = ": ".join(filter(None, (event.error.type, event.error.message)))
    if not text:
        return None
    flat = " ".join(text.split())
    return flat if len(flat) <= _TEXT_WIDTH else f"{flat[: _TEXT_WIDTH - 1]}…"
