"""The few requests of Lambda's API that are measured, as bytes, made once and sent often."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from benchmarks.http1 import head

_EXECUTIONS = "/2025-12-01/durable-executions"
_TOKEN = b'"CheckpointToken":"'
STEP_RESULT = json.dumps({"charged": True, "id": "ch_" + "0" * 140})


def invoke_head(function: str, *, asynchronous: bool = False) -> bytes:
    mode = "Event" if asynchronous else "RequestResponse"
    path = f"/2015-03-31/functions/{function}:$LATEST/invocations"
    return head("POST", path, f"x-amz-invocation-type: {mode}")


def checkpoint_head(arn: str) -> bytes:
    return head("POST", f"{_EXECUTIONS}/{quote(arn, safe='')}/checkpoint")


def state_head(arn: str, token: str, marker: str | None, max_items: int) -> bytes:
    query = f"CheckpointToken={quote(token, safe='')}&MaxItems={max_items}"
    return head("GET", f"{_EXECUTIONS}/{quote(arn, safe='')}/state?{query}{_marker(marker)}")


def history_head(arn: str, marker: str | None, max_items: int) -> bytes:
    query = f"IncludeExecutionData=true&MaxItems={max_items}"
    return head("GET", f"{_EXECUTIONS}/{quote(arn, safe='')}/history?{query}{_marker(marker)}")


def _marker(marker: str | None) -> str:
    return f"&Marker={quote(marker, safe='')}" if marker else ""


def step_updates(number: int) -> list[dict[str, Any]]:
    """A whole step: START and SUCCEED, about 500 bytes of JSON."""
    step = {"Id": f"{number:032x}", "Name": f"charge card {number}", "SubType": "Step"}
    start = {**step, "Type": "STEP", "Action": "START"}
    return [start, {**step, "Type": "STEP", "Action": "SUCCEED", "Payload": STEP_RESULT}]


def wait_update(seconds: int) -> list[dict[str, Any]]:
    options = {"WaitSeconds": seconds}
    return [{"Id": "wait", "Type": "WAIT", "Action": "START", "WaitOptions": options}]


def packed_updates(updates: Sequence[Mapping[str, Any]]) -> bytes:
    """Updates for `checkpoint_body`."""
    return b',"Updates":' + json.dumps(updates, separators=(",", ":")).encode() + b"}"


def checkpoint_body(token: str, packed: bytes) -> bytes:
    return b'{"CheckpointToken":"' + token.encode() + b'"' + packed


def next_token(answer: bytes) -> str:
    """The token in a checkpoint's answer, found without parsing the rest."""
    begin = answer.rindex(_TOKEN) + len(_TOKEN)
    return answer[begin : answer.index(b'"', begin)].decode()
