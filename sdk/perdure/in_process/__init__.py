"""The process in which `perdure worker` runs many invocations of one durable function.

    python -m perdure.in_process MODULE.ATTRIBUTE

The agent starts it, hands it invocations over a socket, and takes their results back; checkpoints
go to the service directly. Asynchronous handlers share one event loop, others have threads.

handler         the function, loaded     runner     one task per invocation
lambda_context  what a handler is told   output     whose invocation's a line is
watchdog        a handler that blocks the loop
"""

from __future__ import annotations
