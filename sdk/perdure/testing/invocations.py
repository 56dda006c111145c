"""One invocation: what a worker is handed, and what comes back from the handler."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from perdure.service_api import InvocationEvent
from perdure.testing.clock import VirtualClock
from perdure.testing.errors import InvocationHung
from perdure.testing.functions import RegisteredFunction, is_durable
from perdure.testing.real_time import in_daemon_thread, within
from perdure.testing.service import KEYS, InMemoryService, next_marker
from perdure_service.domain.decide_invocation import Delivery, Failed, Returned
from perdure_service.domain.execution import Execution, FailureKind, Sight
from perdure_service.domain.instant import MICROSECONDS, Instant, after, epoch_milliseconds
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.shapes import operation_shape
from perdure_service.domain.tokens import MarkerKind
from perdure_service.domain.views import page, visible_operations

CRASHED = Failed(
    FailureKind.CRASH, ErrorObject(type="Runtime.ExitError", message="the test crashed it")
)


@dataclass(slots=True)
class TestLambdaContext:
    """Lambda's context object. `get_remaining_time_in_millis` goes by the test's clock."""

    __test__ = False  # for pytest: no class of tests

    aws_request_id: str
    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    tenant_id: str | None
    deadline: Instant
    clock: VirtualClock
    client_context: Any = None
    identity: Any = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, (self.deadline - self.clock.now) * 1000 // MICROSECONDS)

    def log(self, msg: object) -> None:
        """Write a text into the log, without the end of a line."""
        sys.stdout.write(str(msg))


def lambda_context(
    function: RegisteredFunction, execution: Execution, delivery: Delivery, clock: VirtualClock
) -> TestLambdaContext:
    version = function.version
    return TestLambdaContext(
        aws_request_id=delivery.claim.invocation_id,
        function_name=version.function_name,
        function_version=version.version,
        invoked_function_arn=version.qualified_arn,
        memory_limit_in_mb=str(version.memory_mb),
        log_group_name=f"/aws/lambda/{version.function_name}",
        log_stream_name="test",
        tenant_id=execution.identity.tenant_id,
        deadline=after(clock.now, version.timeout_seconds),
        clock=clock,
    )


def invocation_event(execution: Execution, delivery: Delivery, limits: Limits) -> InvocationEvent:
    """`execution` is the state right after the claim."""
    shown = page(
        visible_operations(execution),
        delivery.upto,
        after_position=0,
        max_items=limits.state_page_items,
        max_bytes=limits.state_page_bytes,
        execution_input=execution.input,
    )
    event = {
        "DurableExecutionArn": execution.identity.arn,
        "CheckpointToken": KEYS.issue_checkpoint_token(delivery.token),
        "InitialExecutionState": {
            "Operations": [
                operation_shape(operation, delivery.upto.now, epoch_milliseconds, execution.input)
                for operation in shown.operations
            ],
            "NextMarker": next_marker(execution.id, MarkerKind.STATE, shown, Sight()) or "",
        },
        "UpdatedOperationIds": list(delivery.updated_operation_ids),
    }
    return cast("InvocationEvent", event)


async def invoke_durable(
    function: RegisteredFunction,
    event: InvocationEvent,
    service: InMemoryService,
    context: TestLambdaContext,
    real_seconds: float,
) -> Returned | Failed:
    """What the handler returned. An exception that leaves it is a failed invocation, which the
    service repeats. Raises InvocationHung after `real_seconds` on the machine's clock."""
    handler = function.handler
    assert is_durable(handler)
    work = handler.invoke(event, service, context)
    try:
        output = await within(real_seconds, function.version.function_name, work)
        outcome: Returned | Failed = Returned(json.dumps(output, ensure_ascii=False))
    except InvocationHung:
        raise
    except Exception as error:
        outcome = failed(error)
    if service.has_crashed:
        return CRASHED
    return timed_out(context, function) if service.is_out_of_time else outcome


async def invoke_plain(
    function: RegisteredFunction, payload: str, context: TestLambdaContext, real_seconds: float
) -> Returned | Failed:
    """A function without durable operations, in a thread unless it is asynchronous."""
    handler = cast("Callable[[Any, Any], Any]", function.handler)
    event = json.loads(payload) if payload else None
    work = (
        handler(event, context)
        if inspect.iscoroutinefunction(handler)
        else in_daemon_thread(lambda: handler(event, context))
    )
    try:
        value = await within(real_seconds, function.version.function_name, work)
        return Returned(json.dumps(value))
    except InvocationHung:
        raise
    except Exception as error:
        return failed(error)


def timed_out(context: TestLambdaContext, function: RegisteredFunction) -> Failed:
    """It took longer, by the test's clock, than an invocation of the function may."""
    seconds = function.version.timeout_seconds
    message = (
        f"RequestId: {context.aws_request_id} Error: Task timed out after {seconds}.00 seconds"
    )
    return Failed(FailureKind.TIMEOUT, ErrorObject(type="Sandbox.Timedout", message=message))


def failed(error: BaseException) -> Failed:
    """As Lambda's runtime reports it."""
    return Failed(
        FailureKind.ERROR,
        ErrorObject(
            message=str(error),
            type=type(error).__name__,
            stack_trace=tuple(traceback.format_tb(error.__traceback__)),
        ),
    )
