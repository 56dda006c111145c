"""One run of a scenario: an execution, and the hand that does to it what comes from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.scenarios.library import Scenario
from tests.support.caller import Answer, Caller, Event
from tests.support.history import check_history
from tests.support.history_facts import check_end, is_closed, is_end, render
from tests.support.waiting import eventually

_CLOSED_IN_SECONDS = 90


class Run:
    """`function` is the name of the function under test, `folder` where its handler leaves notes
    and waits for gates. Plays may use it from one thread only."""

    def __init__(
        self, scenario: Scenario, sdk: str, caller: Caller, folder: Path, function: str
    ) -> None:
        self.scenario = scenario
        self.caller = caller
        self.folder = folder
        self._sdk = sdk
        self._words = {"self": sdk}
        self._function = function
        self.arn = ""
        self.answer: Answer | None = None
        """What the caller got, if it waited: the play begins after the end then."""

    def start(self) -> None:
        """Returns at the end of the execution if its caller waits for that."""
        told = json.dumps(self.scenario.event)
        for word, meaning in {**self._words, "folder": str(self.folder)}.items():
            told = told.replace(f"{{{word}}}", meaning)
        event = {
            "scenario": self.scenario.handler,
            "folder": str(self.folder),
            "self": self._sdk,
            **json.loads(told),
        }
        if self.scenario.filling:
            event["filling"] = "x" * self.scenario.filling
        function = f"{self._function}:$LATEST"
        if self.scenario.sync:
            self.answer = self.caller.call(function, event)
            self.arn = self.answer.arn or ""
        else:
            self.arn = self.caller.start(function, event)

    def check(self) -> None:
        """Wait for the end, and hold the history to what must be, and the rest to the history."""
        execution = self.until_closed()
        events = self.history()
        check_history(self.scenario.history_for(self._sdk), events, self._words)
        check_end(execution, next(event for event in reversed(events) if is_end(event)))
        if self.answer is not None:
            assert self.answer.error == (
                None if execution["Status"] == "SUCCEEDED" else "Unhandled"
            )

    def until_closed(self) -> dict[str, Any]:
        return self.caller.until_closed(self.arn, _CLOSED_IN_SECONDS)

    def history(self) -> list[Event]:
        return self.caller.history(self.arn)

    def until(self, type_: str, count: int = 1, name: str | None = None) -> Event:
        """The `count`-th event of this type and name, once it is there."""

        def look() -> Event | None:
            events = self.history()
            found = [
                event
                for event in events
                if event["EventType"] == type_ and name in (None, event.get("Name"))
            ]
            if len(found) >= count:
                return found[count - 1]
            assert not is_closed(events), (
                f"it ended without {type_} {name or ''}:\n{render(events)}"
            )
            return None

        event = eventually(look, 60)
        assert event is not None
        return event

    @property
    def notes(self) -> list[str]:
        """The lines that the handler has written."""
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def until_noted(self, count: int = 1) -> list[str]:
        """The notes, once there are so many."""
        return eventually(lambda: self.notes if len(self.notes) >= count else [], 60)

    def open(self, gate: str) -> None:
        """Let the handler go on that waits for this gate."""
        (self.folder / gate).touch()

    def callback_id(self, name: str | None = None) -> str:
        """Of the callback of this name, or of the only one, once it is there."""
        started = self.until("CallbackStarted", name=name)
        return str(started["CallbackStartedDetails"]["CallbackId"])

    def succeed(self, name: str | None, result: bytes = b"") -> None:
        self.caller.client.send_durable_execution_callback_success(
            CallbackId=self.callback_id(name), Result=result
        )

    def fail(self, name: str | None, **error: str) -> None:
        given = {"Error": error} if error else {}
        self.caller.client.send_durable_execution_callback_failure(
            CallbackId=self.callback_id(name), **given
        )

    def heartbeat(self, name: str | None) -> None:
        self.caller.client.send_durable_execution_callback_heartbeat(
            CallbackId=self.callback_id(name)
        )

    def child_arn(self) -> str:
        """Of the only chained execution, once it is there."""
        started = self.until("ChainedInvokeStarted")
        return str(started["ChainedInvokeStartedDetails"]["DurableExecutionArn"])

    def pause(self, **members: Any) -> None:
        self.caller.client.pause_durable_execution(DurableExecutionArn=self.arn, **members)

    def resume(self, **members: Any) -> None:
        self.caller.client.resume_durable_execution(DurableExecutionArn=self.arn, **members)

    def stop(self, **error: str) -> None:
        self.caller.client.stop_durable_execution(DurableExecutionArn=self.arn, Error=error)

    def status(self) -> str:
        return str(self.caller.get(self.arn)["Status"])
