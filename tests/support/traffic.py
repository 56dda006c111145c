"""What passed between boto3 and the service: checked against the model, and noted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.model import OperationModel, Shape

from tests.support.lambda_model import broken_promises, facts_of_value, subject

_SENT = "perdure tests: what was sent"


def _forget(facts: Iterable[str]) -> None:
    """For those who only want the answers checked."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Tells `note` what answered calls have shown, in the words of `lambda_model`. What was sent
    counts if the call was accepted."""

    note: Callable[[Iterable[str]], None] = _forget

    def watch(self, client: Any) -> Any:
        """The same client. From now on a call fails, by AssertionError, if its answer departs from
        the model."""
        events = client.meta.events
        events.register_last("before-parameter-build.lambda", self._sending)
        events.register_first("after-call.lambda", self._answered)
        return client

    def _sending(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_SENT] = params

    def _answered(
        self,
        http_response: AWSResponse,
        parsed: dict[str, Any],
        model: OperationModel,
        context: dict[str, Any],
        **_: Any,
    ) -> None:
        status, code = http_response.status_code, parsed.get("Error", {}).get("Code")
        streams = model.has_streaming_output or model.has_event_stream_output
        body = b"" if streams and status < 300 else http_response.content
        broken = broken_promises(model, status, http_response.headers, body)
        assert not broken, broken
        of = subject(model.name)
        if status < 300:
            self.note([f"{of} call {model.name}"])
            self._note(model, "request", model.input_shape, context[_SENT])
            self._note(model, "response", model.output_shape, parsed)
            return
        (shape,) = (shape for shape in model.error_shapes if shape.name == code)
        self.note([f"{of} error {code}"])
        self._note(model, "error", shape, parsed)

    def _note(self, model: OperationModel, kind: str, shape: Shape | None, value: Any) -> None:
        if shape is not None:
            of = subject(model.name)
            self.note(f"{of} {kind} {fact}" for fact in facts_of_value(shape, value))


class Journal:
    """A folder in which the processes of one test run write what they saw and which tests they
    have done."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._own = folder / str(os.getpid())
        self._written: set[str] = set()

    def note(self, facts: Iterable[str]) -> None:
        self._write(f"fact {fact}" for fact in facts)

    def done(self, test: str) -> None:
        self._write([f"done {test}"])

    @property
    def facts(self) -> set[str]:
        return self._read("fact ")

    @property
    def tests_done(self) -> set[str]:
        return self._read("done ")

    def _write(self, lines: Iterable[str]) -> None:
        new = set(lines) - self._written
        self._written |= new
        if new:
            with self._own.open("a") as file:
                file.write("".join(f"{line}\n" for line in sorted(new)))

    def _read(self, kind: str) -> set[str]:
        lines = [line for file in self._folder.iterdir() for line in file.read_text().splitlines()]
        return {line.removeprefix(kind) for line in lines if line.startswith(kind)}
