"""`Client`: executions, and the way to everything else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from perdure.client import programs
from perdure.client.blocking.aliases import Aliases
from perdure.client.blocking.callbacks import Callbacks
from perdure.client.blocking.functions import Functions
from perdure.client.blocking.logs import Logs
from perdure.client.blocking.runner import Runner
from perdure.client.blocking.test_events import TestEvents
from perdure.client.endpoint import find_endpoint
from perdure.client.requests import executions, invocations, workers
from perdure.client.results.error_object import ErrorObject
from perdure.client.results.executions import (
    Execution,
    ExecutionStatus,
    ExecutionSummary,
    Invocation,
    Started,
)
from perdure.client.results.history import HistoryEvent
from perdure.client.results.workers import Worker
from perdure.client.transport import DEFAULT_TIMEOUT_SECONDS, DEFAULT_TRIES
from perdure.signing import Credentials

if TYPE_CHECKING:
    import httpx


class Client:
    """Calls functions and looks after their executions, on Perdure or on AWS.

    `endpoint` is an address, or "aws"; without one see `perdure.client.endpoint`. A request is
    sent up to `tries` times where that is safe. An answer may take `timeout_seconds`, that of a
    synchronous invoke 15 minutes more. `http` is for proxies and certificates of your own. Every
    method raises ClientError. Safe to share among threads; close it, or use it in a `with`.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        region: str | None = None,
        profile: str | None = None,
        credentials: Credentials | None = None,
        tries: int = DEFAULT_TRIES,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        http: httpx.Client | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = os.environ if environment is None else environment
        self.endpoint = find_endpoint(
            variables,
            url=endpoint,
            region=region,
            profile=profile,
            credentials=credentials,
        )
        self._runner = runner = Runner(self.endpoint, tries, timeout_seconds, http, variables)
        self.callbacks = Callbacks(runner)
        self.functions = Functions(runner)
        self.aliases = Aliases(runner)
        self.logs = Logs(runner)
        self.test_events = TestEvents(runner)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._runner.close()

    def invoke(
        self,
        function: str,
        event: Any = None,
        *,
        payload: bytes | None = None,
        qualifier: str | None = None,
        name: str | None = None,
        log_tail: bool = False,
        client_context: Any = None,
        tenant_id: str | None = None,
    ) -> Invocation:
        """Run a function and wait for its result, at most 15 minutes.

        `payload` goes as it is, in place of `event` as JSON. A durable function needs a version,
        an alias or $LATEST: in the name ("order:1") or as `qualifier`. The same `name` and payload
        again attach to the execution that is there. Raises FunctionFailed if the function fails.
        """
        return self._runner.do(
            invocations.invoke(
                function,
                event,
                payload=payload,
                qualifier=qualifier,
                name=name,
                log_tail=log_tail,
                client_context=client_context,
                tenant_id=tenant_id,
            )
        )

    def start(
        self,
        function: str,
        event: Any = None,
        *,
        payload: bytes | None = None,
        qualifier: str | None = None,
        name: str | None = None,
        tenant_id: str | None = None,
    ) -> Started:
        """Run a function and wait for nothing. Give a `name` to make the call repeatable."""
        return self._runner.do(
            invocations.start(
                function,
                event,
                payload=payload,
                qualifier=qualifier,
                name=name,
                tenant_id=tenant_id,
            )
        )

    def dry_run(self, function: str, *, qualifier: str | None = None) -> None:
        """Raises what an invoke would be refused with."""
        self._runner.do(invocations.dry_run(function, qualifier=qualifier))

    def wait(self, arn: str, *, timeout_seconds: float | None = None) -> Execution:
        """The execution once it has ended, however. Raises StillOpen after `timeout_seconds`."""
        return self._runner.run(
            programs.wait(
                arn,
                self._runner.persistence,
                timeout_seconds=timeout_seconds,
                clock=time.monotonic,
            )
        )

    def result(self, arn: str, *, timeout_seconds: float | None = None) -> Any:
        """Wait for the execution's end; its result, as the JSON that it is. Raises FunctionFailed,
        ExecutionTimedOut, ExecutionStopped, or StillOpen after `timeout_seconds`."""
        return self.wait(arn, timeout_seconds=timeout_seconds).outcome()

    def get(self, arn: str, *, include_data: bool = True) -> Execution:
        """One execution, as it is now."""
        return self._runner.do(executions.get(arn, include_data=include_data))

    def list(
        self,
        function: str | None = None,
        *,
        qualifier: str | None = None,
        name: str | None = None,
        statuses: Sequence[ExecutionStatus] = (),
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        oldest_first: bool = False,
        page_size: int | None = None,
    ) -> Iterator[ExecutionSummary]:
        """A function's executions, newest first, page by page as they are consumed. Without a
        function those of all, which only Perdure tells; `name` is then how their names begin."""
        return self._runner.pages(
            lambda marker: executions.list_page(
                function,
                qualifier=qualifier,
                name=name,
                statuses=statuses,
                started_after=started_after,
                started_before=started_before,
                oldest_first=oldest_first,
                page_size=page_size,
                marker=marker,
            )
        )

    def history(
        self,
        arn: str,
        *,
        include_data: bool = True,
        newest_first: bool = False,
        page_size: int | None = None,
    ) -> Iterator[HistoryEvent]:
        """The execution's events, page by page as they are consumed."""
        return self._runner.pages(
            lambda marker: executions.history_page(
                arn,
                include_data=include_data,
                newest_first=newest_first,
                page_size=page_size,
                marker=marker,
            )
        )

    def follow(
        self,
        arn: str,
        *,
        include_data: bool = True,
        longest_look_seconds: float = programs.LONGEST_LOOK_SECONDS,
    ) -> Iterator[HistoryEvent]:
        """The execution's events as they come, until it has ended. A service that is away for up
        to a minute is waited for."""
        last_seen = 0
        while True:
            came = self._runner.run(
                programs.next_events(
                    arn,
                    last_seen,
                    self._runner.persistence,
                    include_data=include_data,
                    longest_look_seconds=longest_look_seconds,
                    clock=time.monotonic,
                )
            )
            yield from came.events
            if came.ended:
                return
            last_seen = came.events[-1].id

    def stop(self, arn: str, *, error: ErrorObject | None = None) -> datetime:
        """End it for good; when it was stopped. One that has ended keeps its outcome."""
        return self._runner.do(executions.stop(arn, error=error))

    def pause(
        self,
        arn: str,
        *,
        reason: str | None = None,
        execution_timeout_paused: bool = True,
        client_token: str | None = None,
    ) -> None:
        """Invoke its function no more until `resume`. The deadline moves on unless told not to."""
        self._runner.do(
            executions.pause(
                arn,
                reason=reason,
                execution_timeout_paused=execution_timeout_paused,
                client_token=client_token,
            )
        )

    def resume(
        self, arn: str, *, reason: str | None = None, client_token: str | None = None
    ) -> None:
        """Let a paused execution go on."""
        self._runner.do(executions.resume(arn, reason=reason, client_token=client_token))

    def delete(self, arn: str) -> datetime:
        """Purge an execution that has ended, its history and its payloads."""
        return self._runner.do(executions.delete(arn))

    def workers(self) -> tuple[Worker, ...]:
        """Those that live, of Perdure: Lambda hides its own."""
        return self._runner.do(workers.find())
