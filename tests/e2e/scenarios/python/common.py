"""What the handlers of all areas share: their list, and how they talk to the test.

A handler is told `folder`, a folder of its own run. It notes there what it does, and waits there
for what the test allows. Runs under every version of the SDK.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import DurableContext
from aws_durable_execution_sdk_python.config import Duration

Event = dict[str, Any]
Handler = Callable[[Event, DurableContext], Any]

SCENARIOS: dict[str, Handler] = {}

INVOCATION: dict[str, Any] = {}
"""What the service sent for the running invocation, before the SDK made an event of it."""

PAUSE = Duration.from_seconds(2)
"""Long enough for an invocation to end before its wait does, on a busy machine too."""

_GATE_SECONDS = 30


class BrokenError(Exception):
    """What goes wrong in scenarios, under the same name in every language."""


def scenario(handler: Handler, name: str | None = None) -> Handler:
    """The handler of the scenario of this name, or of the one that is called like it."""
    SCENARIOS[name or handler.__name__.replace("_", "-")] = handler
    return handler


def note(event: Event, text: object) -> int:
    """Append a line to the notes; how many there are now."""
    notes = Path(event["folder"]) / "notes"
    with notes.open("a") as file:
        file.write(f"{text}\n")
    return len(notes.read_text().splitlines())


def gate(event: Event, name: str) -> None:
    """Busy until the test opens this gate."""
    limit = time.monotonic() + _GATE_SECONDS
    while not (Path(event["folder"]) / name).exists():
        if time.monotonic() > limit:
            raise TimeoutError(f"the gate {name!r} stays closed")
        time.sleep(0.01)


def die() -> None:
    """As a crash of the interpreter: nothing is cleaned up."""
    os._exit(7)
