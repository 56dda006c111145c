"""HTTP/1.1 to the service, without a library's cost: what the worker and running invocations speak.

http1        messages as bytes, and back from bytes   received   bytes as they arrive
connection   one that is kept alive, on asyncio       connections   those to one service, shared
blocking     the same for threads
pause        between attempts on a service that is away   refusals   its answers that say no
"""

from __future__ import annotations
