"""The context object of an invocation, as Lambda's Python runtime makes it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from perdure.worker.clock import epoch_milliseconds


@dataclass(frozen=True, slots=True)
class CognitoIdentity:
    """Nobody calls through Amazon Cognito here."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass(frozen=True, slots=True)
class MobileClient:
    installation_id: str | None = None
    app_title: str | None = None
    app_version_name: str | None = None
    app_version_code: str | None = None
    app_package_name: str | None = None


@dataclass(frozen=True, slots=True)
class ClientContext:
    """What the caller of Invoke sent along."""

    custom: Mapping[str, Any]
    env: Mapping[str, Any]
    client: MobileClient

    @classmethod
    def parse(cls, text: str) -> ClientContext | None:
        """None for what is no JSON object."""
        try:
            document = json.loads(text)
        except ValueError:
            return None
        if not isinstance(document, dict):
            return None
        client = document.get("client")
        names = MobileClient.__slots__
        known = {name: client.get(name) for name in names} if isinstance(client, dict) else {}
        return cls(document.get("custom") or {}, document.get("env") or {}, MobileClient(**known))


@dataclass(frozen=True, slots=True)
class LambdaContext:
    aws_request_id: str
    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    deadline_ms: int
    trace_id: str | None = None
    tenant_id: str | None = None
    client_context: ClientContext | None = None
    identity: CognitoIdentity = field(default_factory=CognitoIdentity)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - epoch_milliseconds())

    def log(self, msg: object) -> None:
        """Write a text into the log, without the end of a line."""
        sys.stdout.write(str(msg))


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    version: str
    memory_mb: str
    log_group: str
    log_stream: str


@cache
def _function() -> _Function:
    """The function that this process runs; read once, as Lambda's runtime does."""
    read = os.environ.get
    return _Function(
        name=read("AWS_LAMBDA_FUNCTION_NAME", ""),
        version=read("AWS_LAMBDA_FUNCTION_VERSION", ""),
        memory_mb=read("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
        log_group=read("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream=read("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


def lambda_context(run: Mapping[str, Any]) -> LambdaContext:
    """From a Run message, which has come now."""
    client_context = run.get("ClientContext")
    function = _function()
    return LambdaContext(
        aws_request_id=run["InvocationId"],
        function_name=function.name,
        function_version=function.version,
        invoked_function_arn=run["FunctionArn"],
        memory_limit_in_mb=function.memory_mb,
        log_group_name=function.log_group,
        log_stream_name=function.log_stream,
        deadline_ms=epoch_milliseconds() + int(run["TimeoutSeconds"] * 1000),
        trace_id=run.get("TraceId"),
        tenant_id=run.get("TenantId"),
        client_context=ClientContext.parse(client_context) if client_context else None,
    )
