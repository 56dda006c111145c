"""Call functions and look after executions, on Perdure or on AWS.

    from perdure.client import Client

    with Client() as client:
        print(client.invoke("order:$LATEST", {"orderId": "1"}).value)

`AsyncClient` has the same methods to await. Both are shells: what is sent and how answers are read
stands in `requests` and `results`, what is repeated and waited for in `programs`.
"""

from __future__ import annotations

from perdure.client.asynchronous.client import AsyncClient
from perdure.client.blocking.client import Client
from perdure.client.code import Code, FunctionSettings, ImageCode, S3Code, ZipCode
from perdure.client.endpoint import AWS
from perdure.client.errors import (
    AccessDenied,
    AlreadyStarted,
    CallbackTimedOut,
    ClientError,
    Conflict,
    ExecutionStopped,
    ExecutionTimedOut,
    FunctionFailed,
    InvalidRequest,
    MalformedAnswer,
    Misconfigured,
    NotDurable,
    NotFound,
    NotReady,
    NotServed,
    PreconditionFailed,
    Refused,
    ServiceFailed,
    ServiceUnreachable,
    StillOpen,
    Throttled,
    TooLarge,
)
from perdure.client.results.error_object import ErrorObject
from perdure.client.results.executions import (
    DurableConfig,
    Execution,
    ExecutionStatus,
    ExecutionSummary,
    Invocation,
    Pause,
    Started,
)
from perdure.client.results.functions import Alias, Function, FunctionDetails, LoggingConfig
from perdure.client.results.history import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    ExecutionTimeout,
    HistoryEvent,
    InvocationSpan,
    PauseOrResume,
    WaitTimes,
)
from perdure.client.results.logs import LogEvent, LogGroup, LogLine, LogLines
from perdure.client.results.saved_events import SavedEvent, SavedEventSummary
from perdure.client.results.workers import Pool, Worker
from perdure.signing import Credentials

__all__ = [
    "AWS",
    "AccessDenied",
    "Alias",
    "AlreadyStarted",
    "AsyncClient",
    "Attempt",
    "CallbackOpened",
    "CallbackTimedOut",
    "ChainedTarget",
    "Client",
    "ClientError",
    "Code",
    "Conflict",
    "Credentials",
    "DurableConfig",
    "ErrorObject",
    "Execution",
    "ExecutionStatus",
    "ExecutionStopped",
    "ExecutionSummary",
    "ExecutionTimedOut",
    "ExecutionTimeout",
    "Function",
    "FunctionDetails",
    "FunctionFailed",
    "FunctionSettings",
    "HistoryEvent",
    "ImageCode",
    "InvalidRequest",
    "Invocation",
    "InvocationSpan",
    "LogEvent",
    "LogGroup",
    "LogLine",
    "LogLines",
    "LoggingConfig",
    "MalformedAnswer",
    "Misconfigured",
    "NotDurable",
    "NotFound",
    "NotReady",
    "NotServed",
    "Pause",
    "PauseOrResume",
    "Pool",
    "PreconditionFailed",
    "Refused",
    "S3Code",
    "SavedEvent",
    "SavedEventSummary",
    "ServiceFailed",
    "ServiceUnreachable",
    "Started",
    "StillOpen",
    "Throttled",
    "TooLarge",
    "WaitTimes",
    "Worker",
    "ZipCode",
]
