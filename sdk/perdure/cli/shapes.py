"""What `--json` prints. Names and forms stay: snake case, ISO-8601 in UTC, payloads as the JSON
that they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perdure.client import Execution, HistoryEvent


def shape(value: object) -> Any:
    """Of whatever the client returns."""
    match value:
        case Execution():
            payloads = {"input": value.input_value, "result": value.result_value}
            return {**_members(value), **payloads}
        case HistoryEvent():
            return {**_members(value), "payload": value.value}
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(name): shape(item) for name, item in value.items()}
        case list() | tuple():
            return [shape(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return _members(value)
        case _:
            return value


def _members(value: Any) -> dict[str, Any]:
    return {field.name: shape(getattr(value, field.name)) for field in dataclasses.fields(value)}
