"""Operations that wait for something outside: time, a callback, another function."""

from __future__ import annotations

from typing import Any

from perdure.config import CallbackConfig, InvokeConfig
from perdure.core.effects import COMMIT, Cancelled, Park, Program
from perdure.core.replay import epoch_seconds
from perdure.core.scope import Place
from perdure.core.values import check_size, fail, read, write
from perdure.exceptions import (
    CallbackError,
    CallbackExternalError,
    CallbackTimeoutError,
    InvalidStateError,
    InvokeError,
    OperationCancelledError,
)
from perdure.serdes import DEFAULT_JSON_SERDES, PASS_THROUGH_SERDES, SerDes
from perdure.service_api import Operation, OperationUpdate


def wait_program(place: Place, seconds: int) -> Program:
    """Wait for so many seconds, from the first time that this is reached."""
    scope = place.scope
    ends_replay = scope.enter(place)
    try:
        try:
            record = place.record
            if record is None:
                update = place.update("START")
                update["WaitOptions"] = {"WaitSeconds": seconds}
                record = yield from _start(place, update)
            while record["Status"] == "STARTED":
                details = record.get("WaitDetails") or {}
                due = epoch_seconds(details.get("ScheduledEndTimestamp"))
                yield Park(place, record, due)
                record = _recorded(place)
        except Cancelled:
            place.queue(place.update("CANCEL"))
            raise
        if record["Status"] == "CANCELLED":
            raise OperationCancelledError(f"{place} was cancelled before its time.")
        return None
    finally:
        scope.leave(place, ends_replay)


def create_callback_program(place: Place, config: CallbackConfig) -> Program:
    """Create a callback; returns its id. How it ends is told by `callback_result_program`."""
    scope = place.scope
    ends_replay = scope.enter(place)
    try:
        record = place.record
        if record is None:
            update = place.update("START")
            update["CallbackOptions"] = {
                "TimeoutSeconds": config.timeout_seconds,
                "HeartbeatTimeoutSeconds": config.heartbeat_timeout_seconds,
            }
            record = yield from _start(place, update)
        callback_id = (record.get("CallbackDetails") or {}).get("CallbackId")
        if callback_id is None:
            raise CallbackError(f"The service has no id for {place}.")
        return callback_id
    finally:
        scope.leave(place, ends_replay)


def callback_result_program(place: Place, serdes: SerDes[Any] | None) -> Program:
    """Wait for the callback's end. Raises a CallbackError of the kind that fits."""
    while True:
        place.scope.check_open()
        record = _recorded(place)
        status = record["Status"]
        details = record.get("CallbackDetails") or {}
        if status == "SUCCEEDED":
            place.scope.leave(place, False)
            return (yield from read(place, serdes or PASS_THROUGH_SERDES, details.get("Result")))
        if status != "STARTED":
            timed_out = status == "TIMED_OUT"
            kind = CallbackTimeoutError if timed_out else CallbackExternalError
            error = details.get("Error") or {}
            raise kind(
                error.get("ErrorMessage")
                or ("Callback timed out" if timed_out else "Callback failed"),
                data=error.get("ErrorData"),
                stack_trace=error.get("StackTrace"),
            )
        yield Park(place, record)


def invoke_program(
    place: Place, function_name: str, payload: Any, config: InvokeConfig[Any, Any]
) -> Program:
    """Invoke another function and wait for its result. Raises InvokeError."""
    scope = place.scope
    ends_replay = scope.enter(place)
    try:
        record = place.record
        if record is None:
            serdes = config.serdes_payload or DEFAULT_JSON_SERDES
            text = yield from write(place, serdes, payload, "payload")
            check_size(place, text, "payload")
            update = place.update("START")
            update["Payload"] = text
            update["ChainedInvokeOptions"] = {"FunctionName": function_name}
            if config.tenant_id is not None:
                update["ChainedInvokeOptions"]["TenantId"] = config.tenant_id
            record = yield from _start(place, update)
        while record["Status"] == "STARTED":
            yield Park(place, record)
            record = _recorded(place)
        details = record.get("ChainedInvokeDetails") or {}
        if record["Status"] != "SUCCEEDED":
            fail(InvokeError, details.get("Error"))
        serdes = config.serdes_result or DEFAULT_JSON_SERDES
        return (yield from read(place, serdes, details.get("Result")))
    finally:
        scope.leave(place, ends_replay)


def _start(place: Place, update: OperationUpdate) -> Program:
    place.queue(update)
    yield COMMIT
    return _recorded(place)


def _recorded(place: Place) -> Operation:
    record = place.record
    if record is None:
        raise InvalidStateError(f"{place} was started, and the service does not know it.")
    return record
