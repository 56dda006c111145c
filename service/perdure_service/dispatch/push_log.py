"""The log of push targets: what they write stays with them, START, END and REPORT are ours."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure_service.application.log_tails import LogTails
from perdure_service.domain.decide_invocation import Failed, Returned
from perdure_service.domain.execution import FailureKind
from perdure_service.domain.function_logs import LogChunk, LogLine, group_of, iso, stream_of
from perdure_service.domain.functions import FunctionVersion, LogFormat
from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.ports.clock import Clock
from perdure_service.ports.function_logs import LogIntake

_STATUSES = {FailureKind.TIMEOUT: "timeout", FailureKind.CRASH: "error", FailureKind.INIT: "error"}


class PushLog:
    """For all push invocations of one replica; each function version has a stream a day."""

    def __init__(
        self, intake: LogIntake, tails: LogTails, clock: Clock, replica_id: WorkerId
    ) -> None:
        self._intake = intake
        self._tails = tails
        self._clock = clock
        self._unique = replica_id.replace("-", "")

    def begin(
        self, version: FunctionVersion, execution_id: ExecutionId, id_: InvocationId
    ) -> PushedInvocation:
        """Write START."""
        pushed = PushedInvocation(self, version, execution_id, id_, _loop_time())
        if version.logging.log_format is LogFormat.TEXT:
            pushed.write(f"START RequestId: {id_} Version: {version.version}")
        elif version.logging.system_log_level != "WARN":
            record = {"requestId": id_, "version": version.version}
            pushed.write(_event("platform.start", record, self._clock.now()))
        return pushed

    def write(self, pushed: PushedInvocation, texts: Sequence[str]) -> None:
        at = Instant(self._clock.now() // 1000 * 1000)
        lines = [
            LogLine(at, text.encode("utf-8", "replace"), pushed.id, pushed.execution_id)
            for text in texts
        ]
        stream = stream_of(pushed.version, at, self._unique)
        self._intake.write(LogChunk(group_of(pushed.version), stream, lines))

    def ended(self, pushed: PushedInvocation) -> None:
        tail = "".join(f"{text}\n" for text in pushed.written)
        self._tails.put(pushed.execution_id, tail.encode("utf-8", "replace"))

    @property
    def now(self) -> Instant:
        return self._clock.now()


@dataclass(slots=True)
class PushedInvocation:
    """One that is being made."""

    log: PushLog
    version: FunctionVersion
    execution_id: ExecutionId
    id: InvocationId
    began: float
    written: list[str] = field(default_factory=list)

    def write(self, *texts: str) -> None:
        self.log.write(self, texts)
        self.written += texts

    def end(self, outcome: Returned | Failed) -> None:
        """Write END and REPORT, and have the tail ready for a caller who waits for it."""
        status = _STATUSES.get(outcome.kind) if isinstance(outcome, Failed) else None
        milliseconds = (_loop_time() - self.began) * 1000
        texts = []
        if status is not None and isinstance(outcome, Failed):
            texts.append(f"{outcome.error.message}\n{outcome.error.type}")
        if self.version.logging.log_format is LogFormat.TEXT:
            texts += [f"END RequestId: {self.id}", self._report_text(milliseconds, status)]
        elif status is not None or self.version.logging.system_log_level != "WARN":
            texts.append(self._report_json(milliseconds, status))
        if texts:
            self.write(*texts)
        self.log.ended(self)

    def _report_text(self, milliseconds: float, status: str | None) -> str:
        """Without Max Memory Used, which nobody tells."""
        return "".join(
            f"{field}\t"
            for field in (
                f"REPORT RequestId: {self.id}",
                f"Duration: {milliseconds:.2f} ms",
                f"Billed Duration: {math.ceil(milliseconds)} ms",
                f"Memory Size: {self.version.memory_mb} MB",
                *([] if status is None else [f"Status: {status}"]),
            )
        )

    def _report_json(self, milliseconds: float, status: str | None) -> str:
        metrics = {
            "durationMs": round(milliseconds, 3),
            "billedDurationMs": math.ceil(milliseconds),
            "memorySizeMB": self.version.memory_mb,
        }
        record = {"requestId": self.id, "metrics": metrics, "status": status or "success"}
        return _event("platform.report", record, self.log.now)


def _event(kind: str, record: object, at: Instant) -> str:
    return json.dumps({"time": iso(at), "type": kind, "record": record})


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
