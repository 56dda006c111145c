"""What the exit code of a command says, and which error leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from perdure.client import (
    ClientError,
    FunctionFailed,
    MalformedAnswer,
    Misconfigured,
    NotFound,
    Refused,
    ServiceFailed,
    ServiceUnreachable,
    StillOpen,
    Throttled,
)


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    STILL_OPEN = 6
    INTERRUPTED = 130


MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "done; of who waits for an execution: it succeeded",
    ExitCode.FAILED: "the function or its execution failed, timed out or was stopped",
    ExitCode.USAGE: "the command line makes no sense, or endpoint, region or keys are missing",
    ExitCode.NOT_FOUND: "there is no such function, version, execution, callback or event",
    ExitCode.UNREACHABLE: "nothing that speaks Lambda's API answered, or it failed, each time",
    ExitCode.REFUSED: "the service understood, and said no",
    ExitCode.STILL_OPEN: "the time to wait is over; the execution goes on",
    ExitCode.INTERRUPTED: "Ctrl-C; an execution that was waited for goes on",
}

_BY_KIND: Final[Mapping[type[ClientError], ExitCode]] = {
    FunctionFailed: ExitCode.FAILED,
    Misconfigured: ExitCode.USAGE,
    NotFound: ExitCode.NOT_FOUND,
    ServiceUnreachable: ExitCode.UNREACHABLE,
    MalformedAnswer: ExitCode.UNREACHABLE,
    ServiceFailed: ExitCode.UNREACHABLE,
    Throttled: ExitCode.UNREACHABLE,
    Refused: ExitCode.REFUSED,
    StillOpen: ExitCode.STILL_OPEN,
    ClientError: ExitCode.REFUSED,
}


def exit_code(error: ClientError) -> ExitCode:
    return next(_BY_KIND[kind] for kind in type(error).__mro__ if kind in _BY_KIND)
