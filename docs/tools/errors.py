"""Refusals, from their table; and what executions, operations and invocations end with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

from docs.tools.markdown import code, table
from perdure_service.api.errors import WIRE_ERRORS
from perdure_service.domain.errors import DomainError

_INVOCATION = "an invocation"
_EITHER = "an execution or a CHAINED_INVOKE"

ERROR_TYPES: Mapping[str, tuple[str, str]] = {
    "Runtime.ExitError": (
        _INVOCATION,
        (
            "the process that ran it died, its worker was silent for a lease, or a push target "
            "could not be reached or answered no 200"
        ),
    ),
    "Sandbox.Timedout": (
        f"{_INVOCATION}, or the answer to a caller",
        (
            "the function's timeout is over, also while its code is loaded. A synchronous caller "
            "is told so after 15 minutes; the execution goes on"
        ),
    ),
    "Function.ResponseSizeTooLarge": (_INVOCATION, "its output is over the limit, about 6 MiB"),
    "Runtime.CodeUnavailable": (_INVOCATION, "the worker cannot get the code, or unpack it"),
    "Runtime.InvalidEntrypoint": (
        _INVOCATION,
        "the code has no `bootstrap` that can be executed",
    ),
    "Runtime.OutOfMemory": (
        _INVOCATION,
        "the process, with what it started, had more memory than the function's MemorySize",
    ),
    "Runtime.StartFailed": (_INVOCATION, "the worker cannot start a process"),
    "Runtime.UnknownFunction": (_INVOCATION, "the worker does not serve that function"),
    "Runtime.Unknown": (_INVOCATION, "the runtime reported an error that cannot be read"),
    "Unhandled": (_INVOCATION, "the runtime reported an error without a type"),
    "InvalidParameterValueException": (
        _EITHER,
        (
            "an output that is none, a result over its limit, or PENDING with nothing pending; of "
            "a CHAINED_INVOKE also a durable target without a qualifier"
        ),
    ),
    "ResourceNotFoundException": (_EITHER, "the function is gone, or was never there"),
    "ResourceConflictException": (
        "the answer to a caller",
        "no worker is left that could begin the execution; it is kept",
    ),
    "DurableExecutionQuotaExceeded": (
        "an execution",
        "more operations or bytes than it [may have](limits.md)",
    ),
    "Callback.Timeout": ("a CALLBACK, TIMED_OUT", "nobody completed it in time"),
    "Callback.Heartbeat": ("a CALLBACK, TIMED_OUT", "no heartbeat came in time"),
    "ChainedInvoke.Timeout": ("a CHAINED_INVOKE, TIMED_OUT", "the other execution ran out of time"),
}
"""What the service and the worker put into ErrorType: where it is seen, and why."""


def refusals() -> Iterator[str]:
    rows = ((code(wire.code), str(wire.status), _when(kind)) for kind, wire in WIRE_ERRORS.items())
    yield from table(("code", "status", "when"), rows)


def error_types() -> Iterator[str]:
    rows = ((code(type_), of, why) for type_, (of, why) in ERROR_TYPES.items())
    yield from table(("ErrorType", "of", "because"), rows)


def _when(kind: type[DomainError]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())
