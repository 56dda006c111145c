"""The OpenAPI document: what FastAPI knows, and what is parsed or served past it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from perdure_service.api.wire.checkpoint import CHECKPOINT_BODY
from perdure_service.api.wire.shipped_logs import SHIPPED_BODY
from perdure_service.api.wire.workers import HEARTBEAT_BODY, POLL_BODY

_COMPONENTS = "#/components/schemas/{model}"


def json_body(adapter: TypeAdapter[Any], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra` of a route that parses its body itself."""
    schema = adapter.json_schema(ref_template=_COMPONENTS)
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": required, "content": content}}


def raw_body(description: str) -> dict[str, Any]:
    """For `openapi_extra` of a route that takes any bytes."""
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"description": description, "content": content}}


class DocumentedApi(FastAPI):
    """A FastAPI whose document tells of the hot routes too, and of errors as they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["paths"] |= _hot_paths()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for operation in _operations(document):
                # FastAPI promises its own form of error, which this service never answers with.
                operation["responses"].pop("422", None)
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    schemas |= content["schema"].pop("$defs", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def _hot_paths() -> dict[str, Any]:
    executions, workers = "/2025-12-01/durable-executions/{DurableExecutionArn}", "/v1/workers"
    return {
        "/2015-03-31/functions/{FunctionName}/invocations": {
            "post": _hot(
                "Invoke",
                "Lambda: functions",
                raw_body("The payload: JSON, kept byte for byte."),
                query=("Qualifier",),
                headers=(
                    "X-Amz-Invocation-Type",
                    "X-Amz-Log-Type",
                    "X-Amz-Durable-Execution-Name",
                    "X-Amz-Client-Context",
                    "X-Amz-Tenant-Id",
                ),
            )
        },
        f"{executions}/checkpoint": {
            "post": _hot(
                "CheckpointDurableExecution",
                "Lambda: durable executions",
                json_body(CHECKPOINT_BODY),
            )
        },
        f"{executions}/state": {
            "get": _hot(
                "GetDurableExecutionState",
                "Lambda: durable executions",
                {},
                query=("CheckpointToken", "Marker", "MaxItems"),
            )
        },
        f"{workers}/{{WorkerId}}/poll": {
            "post": _hot("Wait for work", "Workers", json_body(POLL_BODY))
        },
        f"{workers}/{{WorkerId}}/heartbeat": {
            "post": _hot("A worker lives", "Workers", json_body(HEARTBEAT_BODY))
        },
        f"{workers}/{{WorkerId}}/logs": {
            "post": _hot("Functions have written lines", "Workers", json_body(SHIPPED_BODY))
        },
        f"{workers}/{{WorkerId}}/invocations/{{InvocationId}}/result": {
            "post": _hot(
                "An invocation ended",
                "Workers",
                raw_body("What the function returned, or Lambda's error JSON."),
                headers=("Perdure-Outcome", "Perdure-Log-Tail"),
            )
        },
    }


def _hot(
    summary: str,
    tag: str,
    body: dict[str, Any],
    *,
    query: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": place, "schema": {"type": "string"}}
        for place, names in (("query", query), ("header", headers))
        for name in names
    ]
    responses = {"200": {"description": "Successful Response"}}
    return {
        "summary": summary,
        "tags": [tag],
        "parameters": parameters,
        "responses": responses,
        **body,
    }
