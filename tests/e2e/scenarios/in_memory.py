"""A run of a scenario in the testing kit, for the plays that do not need a worker that runs
meanwhile: when a play looks, everything that can happen has happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from perdure.testing import DurableExecution, DurableTestRunner, RequestRefused
from tests.support.caller import Event


class RunInMemory:
    """What `Run` is, as far as plays use it."""

    def __init__(
        self, runner: DurableTestRunner, execution: DurableExecution, folder: Path
    ) -> None:
        self._runner = runner
        self._execution = execution
        self.folder = folder
        self.answer = None

    def history(self) -> list[Event]:
        """With times as boto3 gives them."""
        return [_with_times(event) for event in self._execution.history()]

    def until(self, type_: str, count: int = 1, name: str | None = None) -> Event:
        found = [
            event
            for event in self.history()
            if event["EventType"] == type_ and name in (None, event.get("Name"))
        ]
        assert len(found) >= count, f"no {type_} {name or ''}:\n{self._execution.text}"
        return found[count - 1]

    def until_closed(self) -> Event:
        """Callbacks and executions may time out by now."""
        if not self._execution.is_closed:
            self._runner.advance(60)
        assert self._execution.is_closed, self._execution.text
        return {"Status": self._execution.status}

    def status(self) -> str:
        return self._execution.status

    @property
    def notes(self) -> list[str]:
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def callback_id(self, name: str | None = None) -> str:
        started = self.until("CallbackStarted", name=name)
        return str(started["CallbackStartedDetails"]["CallbackId"])

    def succeed(self, name: str | None, result: bytes = b"") -> None:
        self._send(self._runner.succeed_callback, name, result.decode())

    def fail(self, name: str | None, **error: str) -> None:
        self._send(
            self._runner.fail_callback,
            name,
            error.get("ErrorMessage"),
            error_type=error.get("ErrorType"),
        )

    def heartbeat(self, name: str | None) -> None:
        self._send(self._runner.heartbeat_callback, name)

    def pause(self, **members: Any) -> None:
        self._execution.pause(members.get("Reason"))

    def resume(self, **members: Any) -> None:
        self._execution.resume(members.get("Reason"))

    def stop(self, **error: Any) -> None:
        self._execution.stop(error)  # type: ignore[arg-type]  # members of an ErrorObject

    def _send(
        self, send: Callable[..., None], name: str | None, *arguments: Any, **more: Any
    ) -> None:
        try:
            send(self.callback_id(name), *arguments, **more)
        except RequestRefused as refused:
            told, _, _ = str(refused).partition(". ")  # the runner adds what it knows
            code = "CallbackTimeoutException"
            raise ClientError({"Error": {"Code": code, "Message": told}}, "any") from None


def _with_times(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _with_times(member, key) for key, member in value.items()}
    if name.endswith("Timestamp"):
        return datetime.fromtimestamp(value, UTC)
    return value
