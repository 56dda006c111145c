"""A fast path for functions that stay on AWS's own SDK.

    @durable_execution(boto3_client=fast_client())
    def handler(event, context): ...

AWS's SDK asks two things of boto3: a checkpoint, and a page of the state. They cost several times
what the service needs for them; this client does the same two over a connection of its own.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aws_durable_execution_sdk_python.__about__ import __version__ as _sdk_version
from botocore.exceptions import ClientError, EndpointConnectionError

from perdure.http.blocking import BlockingConnections
from perdure.http.connections import ServiceAway, tls_for
from perdure.http.http1 import Answer, Fields, field
from perdure.http.refusals import refusal
from perdure.service_api import ServiceCallFailed
from perdure.transport.endpoint import Endpoint, lambda_endpoint
from perdure.transport.requests import (
    AWAY,
    JSON,
    MAX_ANSWER_BYTES,
    checkpoint_body,
    checkpoint_target,
    read_document,
    state_target,
)

__all__ = ["FastClient", "fast_client"]

_ATTEMPT_SECONDS: Final = 50.0
_PATIENCE_SECONDS: Final = 60.0
"""A worker's agent holds a call for 40 s while the service is away; then this client asks again."""
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 2.0

_FIELDS: Final[Fields] = (
    *JSON,
    # The service words a refusal for the SDK that it sees here.
    (b"user-agent", f"perdure aws-durable-execution-sdk-python/{_sdk_version}".encode()),
)


def fast_client(
    endpoint_url: str | None = None,
    *,
    bearer_token: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """A client for `durable_execution(boto3_client=...)`, for as long as the process lives.

    Without `endpoint_url` it goes where boto3 would: AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL or
    AWS in AWS_REGION; `environment` stands in for os.environ. Requests are signed with the access
    key of the environment (profiles are not read, nor are proxies used), unless they carry a bearer
    token or go to loopback, where the worker's agent lets its functions in. AWS_CA_BUNDLE may name
    the certificates to trust. Raises NoEndpoint.

    The result is a FastClient. Its type is Any because AWS's SDK asks for a whole Lambda client.
    """
    variables = os.environ if environment is None else environment
    return FastClient(lambda_endpoint(endpoint_url, bearer_token, variables))


class FastClient:
    """Two methods of boto3's Lambda client, with its answers and its exceptions. Threads may share
    it. A call that fails in transit or is refused for the moment is repeated for a minute; a
    repeated checkpoint has the same ClientToken, so that it is applied once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connections = BlockingConnections(endpoint.url, tls_for(endpoint.url))

    def checkpoint_durable_execution(
        self,
        *,
        DurableExecutionArn: str,
        CheckpointToken: str,
        Updates: Sequence[Mapping[str, Any]] = (),
        ClientToken: str | None = None,
    ) -> dict[str, Any]:
        """Raises ClientError for a refusal, EndpointConnectionError after a minute in vain."""
        body = checkpoint_body(CheckpointToken, Updates, ClientToken or str(uuid.uuid4()))
        target = checkpoint_target(DurableExecutionArn)
        document = self._call("CheckpointDurableExecution", b"POST", target, body)
        _with_datetimes(document.get("NewExecutionState") or {})
        return document

    def get_durable_execution_state(
        self,
        *,
        DurableExecutionArn: str,
        CheckpointToken: str,
        Marker: str = "",
        MaxItems: int = 0,
    ) -> dict[str, Any]:
        """Raises ClientError for a refusal, EndpointConnectionError after a minute in vain."""
        target = state_target(DurableExecutionArn, CheckpointToken, Marker, MaxItems)
        document = self._call("GetDurableExecutionState", b"GET", target, b"")
        _with_datetimes(document)
        return document

    def close(self) -> None:
        self._connections.close()

    def _call(self, operation: str, method: bytes, target: bytes, body: bytes) -> dict[str, Any]:
        answer, retries = self._patiently(method, target, body)
        metadata = {
            "HTTPStatusCode": answer.status,
            "HTTPHeaders": {
                name.decode("latin-1"): value.decode("latin-1") for name, value in answer.fields
            },
            "RequestId": (field(answer.fields, b"x-amzn-requestid") or b"").decode("latin-1"),
            "RetryAttempts": retries,
        }
        try:
            document = read_document(answer)
        except ServiceCallFailed as refused:
            error = {"Code": refused.code or str(answer.status), "Message": refused.message}
            raise ClientError(
                {"Error": error, "ResponseMetadata": metadata},  # type: ignore[typeddict-item]  # botocore's stub asks for HostId
                operation,
            ) from None
        document["ResponseMetadata"] = metadata
        return document

    def _patiently(self, method: bytes, target: bytes, body: bytes) -> tuple[Answer, int]:
        """An answer that says something, and how many did not. Raises EndpointConnectionError."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        pause_seconds = _FIRST_PAUSE_SECONDS
        retries = 0
        while True:
            fields = (*_FIELDS, *self._endpoint.authorisation.fields(method, target, body))
            left_seconds = deadline - time.monotonic()
            try:
                answer = self._connections.exchange(
                    method,
                    target,
                    fields,
                    body,
                    timeout_seconds=min(left_seconds, _ATTEMPT_SECONDS),
                    max_answer_bytes=MAX_ANSWER_BYTES,
                )
            except ServiceAway as error:
                if time.monotonic() + pause_seconds >= deadline:
                    raise EndpointConnectionError(
                        endpoint_url=str(self._endpoint.url), error=error
                    ) from error
            else:
                out_of_time = time.monotonic() + pause_seconds >= deadline
                if answer.status not in AWAY or refusal(answer).concerns_key or out_of_time:
                    return answer, retries
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            retries += 1


def _with_datetimes(state: dict[str, Any]) -> None:
    """boto3 gives points in time as aware datetimes; the wire has seconds since the epoch."""
    for operation in state.get("Operations") or ():
        _to_datetime(operation, "StartTimestamp")
        _to_datetime(operation, "EndTimestamp")
        if step := operation.get("StepDetails"):
            _to_datetime(step, "NextAttemptTimestamp")
        if wait := operation.get("WaitDetails"):
            _to_datetime(wait, "ScheduledEndTimestamp")


def _to_datetime(holder: dict[str, Any], name: str) -> None:
    seconds = holder.get(name)
    if isinstance(seconds, int | float):
        holder[name] = datetime.fromtimestamp(seconds, UTC)
