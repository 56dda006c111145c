"""All scenarios in one function: the event says which one runs.

One function means that one runtime process serves them, for as long as one is enough.
"""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution

import batches
import callbacks
import contexts
import executions
import invokes
import pauses
import steps
import waits
from common import INVOCATION, SCENARIOS, Event

AREAS = (batches, callbacks, contexts, executions, invokes, pauses, steps, waits)


@durable_execution
def _run(event: Event, context: DurableContext) -> Any:
    return SCENARIOS[event["scenario"]](event, context)


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    INVOCATION.update(event)
    return _run(event, context)
