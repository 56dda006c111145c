"""`Client.test_events`."""

from __future__ import annotations

from typing import Any

from perdure.client.blocking.runner import Runner
from perdure.client.requests import test_events
from perdure.client.results.saved_events import SavedEvent, SavedEventSummary


class TestEvents:
    """Payloads that Perdure keeps with a function, to invoke it with."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def list(self, function: str) -> tuple[SavedEventSummary, ...]:
        """Those of a function, by name."""
        return self._runner.do(test_events.find(function))

    def get(self, function: str, name: str) -> SavedEvent:
        """One event, with its payload."""
        return self._runner.do(test_events.get(function, name))

    def save(
        self, function: str, name: str, event: Any = None, *, payload: bytes | None = None
    ) -> SavedEvent:
        """Keep it, in place of one of that name. `payload` goes as it is, in place of `event` as
        JSON."""
        return self._runner.do(test_events.save(function, name, event, payload=payload))

    def delete(self, function: str, name: str) -> None:
        """Take one away."""
        self._runner.do(test_events.delete(function, name))
