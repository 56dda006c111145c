"""Orders under faults: started, repeated until they are accepted, and checked in the end."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python.serdes import deserialize
from botocore.exceptions import ClientError

from tests.support.caller import AWAY, Caller, Event
from tests.support.waiting import eventually

HANDLER = Path(__file__).parent / "handlers" / "orders.py"
IN_PROCESS = f"orders={HANDLER.with_name('our_orders.py')}"
"""The same on Perdure's SDK, as on the command line."""
FUNCTION = "orders:$LATEST"
STEPS = ("validate", "pay", "confirm")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a step's body, as its line in the trace tells it."""

    order: str
    step: str
    number: str
    pid: int


@dataclass(slots=True)
class Orders:
    """All orders of one test. Their handlers write to `trace`; `gate` holds them in `pay`."""

    folder: Path
    arns: dict[str, str] = field(default_factory=dict)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    def event(
        self, order: str, *, wait: int = 1, gated: bool = False, child: str | None = None
    ) -> dict[str, Any]:
        event: dict[str, Any] = {"order": order, "file": str(self.trace), "wait": wait}
        if gated:
            event["gate"] = str(self.gate)
        if child is not None:
            event["child"] = self.event(child, wait=wait)
        return event

    def start(self, callers: Caller | Sequence[Caller], order: str, **how: Any) -> str:
        """Start it, under its name, as often as it takes and with whom it takes; the ARN."""
        event = self.event(order, **how)
        those = [callers] if isinstance(callers, Caller) else callers
        accepted = (_accepted(caller, order, event) for caller in cycle(those))
        arn = eventually(lambda: next(accepted), 60)
        assert arn is not None
        self.arns[order] = arn
        return arn

    def start_many(
        self, callers: Caller | Sequence[Caller], count: int, **how: Any
    ) -> list[Future[str]]:
        """Begin to start that many, a few at a time; the futures give their ARNs."""
        names = [f"order-{uuid.uuid4().hex[:8]}" for _ in range(count)]
        return [self.threads.submit(self.start, callers, name, **how) for name in names]

    def runs(self) -> list[Run]:
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return [
            Run(order, step, number, int(pid))
            for order, step, number, pid in (line.split() for line in lines)
        ]

    def until_run(self, order: str, step: str, count: int = 1, timeout_seconds: float = 60) -> Run:
        """The `count`-th run of that step, once it has begun."""

        def look() -> Run | None:
            found = [run for run in self.runs() if (run.order, run.step) == (order, step)]
            return found[count - 1] if len(found) >= count else None

        run = eventually(look, timeout_seconds)
        assert run is not None
        return run

    def open_gate(self) -> None:
        self.gate.touch()

    def until_closed(self, caller: Caller, timeout_seconds: float = 60) -> dict[str, list[Event]]:
        """All of them succeeded, or the test fails; their histories."""
        histories = {}
        for order, arn in self.arns.items():
            closed = caller.until_closed(arn, timeout_seconds)
            assert closed["Status"] == "SUCCEEDED", (order, closed)
            histories[order] = caller.history(arn)
        return histories

    def check(self, histories: dict[str, list[Event]]) -> None:
        """No step ran after its success was committed: the run that history knows is the last.
        Ids are gapless: reading the histories has checked that."""
        last: dict[tuple[str, str], str] = {}
        for run in self.runs():
            last[run.order, run.step] = run.number
        for order, history in histories.items():
            committed = committed_runs(history)
            assert list(committed) == list(STEPS), (order, committed)
            for step, number in committed.items():
                assert last[order, step] == number, f"{order}: {step} ran after it was committed"
            closing = history[-1]["ExecutionSucceededDetails"]["Result"]["Payload"]
            assert json.loads(closing) == list(committed.values())

    def check_single_runs(self) -> None:
        """No step ran twice: no worker was lost, so nothing had to."""
        again = [run for run in _repeated(self.runs()) if run.order in self.arns]
        assert again == []


def committed_runs(history: Sequence[Event]) -> dict[str, str]:
    """Each step's run whose result was kept; a step succeeds once."""
    committed: dict[str, str] = {}
    for event in history:
        if event["EventType"] == "StepSucceeded":
            assert event["Name"] not in committed
            payload = event["StepSucceededDetails"]["Result"]["Payload"]
            committed[event["Name"]] = deserialize(None, payload, "", "")
    return committed


def invocation_errors(history: Sequence[Event]) -> list[str | None]:
    """The error type of each invocation, None for one that ended well."""
    return [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload", {}).get("ErrorType")
        for event in history
        if event["EventType"] == "InvocationCompleted"
    ]


def _accepted(caller: Caller, order: str, event: dict[str, Any]) -> str | None:
    try:
        return caller.start(FUNCTION, event, name=order)
    except AWAY:
        return None
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        return None


def _repeated(runs: Iterable[Run]) -> list[Run]:
    seen: defaultdict[tuple[str, str], int] = defaultdict(int)
    repeated = []
    for run in runs:
        seen[run.order, run.step] += 1
        if seen[run.order, run.step] > 1:
            repeated.append(run)
    return repeated
