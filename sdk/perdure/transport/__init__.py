"""Calls of a running invocation to its service: checkpoints and reads of the state.

requests   the two calls as bytes, and answers back from bytes; pure
endpoint   where the service is and what proves to it who calls
http_service   the DurableService of an invocation, over perdure.http's connections
"""

from __future__ import annotations
