"""botocore's Lambda model: what there is to prove, and whether an answer keeps to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape


@cache
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("lambda", "service-2"))


def durable_operations() -> list[str]:
    """Whatever the model has of them, and Invoke."""
    return ["Invoke", *(name for name in service_model().operation_names if "Durable" in name)]


FUNCTION_OPERATIONS = (
    "CreateAlias",
    "CreateFunction",
    "DeleteAlias",
    "DeleteFunction",
    "DeleteFunctionConcurrency",
    "GetAccountSettings",
    "GetAlias",
    "GetFunction",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "InvokeWithResponseStream",
    "ListAliases",
    "ListFunctions",
    "ListTags",
    "ListVersionsByFunction",
    "PublishVersion",
    "PutFunctionConcurrency",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)
"""Those of function management that are served. They share most of what they say, so their facts
are told together."""


def facts_of_model() -> set[str]:
    """All that the operations served can send, answer and refuse, one line each:
    "CheckpointDurableExecution request OperationUpdate.Action=RETRY". A member of a shape is one
    fact of an operation, wherever the shape stands in it."""
    names = (*durable_operations(), *FUNCTION_OPERATIONS)
    return {fact for name in names for fact in _facts_of_operation(name)}


def subject(operation: str) -> str:
    """Whose facts those of an operation are."""
    return "Functions" if operation in FUNCTION_OPERATIONS else operation


def _facts_of_operation(name: str) -> Iterator[str]:
    operation, of = service_model().operation_model(name), subject(name)
    yield f"{of} call {name}"
    for kind, shape in (("request", operation.input_shape), ("response", operation.output_shape)):
        if shape is not None:
            yield from (f"{of} {kind} {member}" for member in _members_below(shape, set()))
    for error in operation.error_shapes:
        yield f"{of} error {error.name}"
        yield from (f"{of} error {member}" for member in _members_below(error, set()))


def _members_below(shape: Shape, seen: set[str]) -> Iterator[str]:
    if isinstance(shape, ListShape):
        yield from _members_below(shape.member, seen)
    if not isinstance(shape, StructureShape) or shape.name in seen or _is_stream(shape):
        return
    seen.add(shape.name)
    for name, member in shape.members.items():
        yield f"{shape.name}.{name}"
        for value in _enum_of(member):
            yield f"{shape.name}.{name}={value}"
        yield from _members_below(member, seen)


def facts_of_value(shape: Shape, value: Any) -> Iterator[str]:
    """The members that are there in `value`, which has the form of boto3's parameters and
    answers."""
    if isinstance(shape, ListShape):
        for item in value:
            yield from facts_of_value(shape.member, item)
    if not isinstance(shape, StructureShape) or _is_stream(shape):
        return
    for name, member in shape.members.items():
        if value.get(name) is None:
            continue
        yield f"{shape.name}.{name}"
        if _enum_of(member):
            values = value[name] if isinstance(value[name], list | tuple) else [value[name]]
            yield from (f"{shape.name}.{name}={one}" for one in values)
        yield from facts_of_value(member, value[name])


def _is_stream(shape: Shape) -> bool:
    """Its events are read by whoever called."""
    return bool(shape.serialization.get("eventstream"))


def _enum_of(shape: Shape) -> list[str]:
    leaf = shape.member if isinstance(shape, ListShape) else shape
    return list(getattr(leaf, "enum", ()))


def broken_promises(
    operation: OperationModel, status: int, headers: Mapping[str, str], body: bytes
) -> list[str]:
    """Where a raw answer departs from the model: a member that is not in it, of another type,
    outside of its limits, or missing; an error that the operation does not declare."""
    if status >= 300:
        return list(_broken_error(operation, status, headers, body))
    shape = operation.output_shape
    if operation.has_streaming_output or operation.has_event_stream_output:
        return []
    if status != operation.http["responseCode"] and not _tells_its_status(operation):
        return [f"status {status}, not {operation.http['responseCode']}"]
    return [] if shape is None else list(_broken(shape, json.loads(body or b"{}"), operation.name))


def _tells_its_status(operation: OperationModel) -> bool:
    """True if the answer has a member for whatever success it was."""
    shape = operation.output_shape
    members = shape.members.values() if isinstance(shape, StructureShape) else ()
    return any(member.serialization.get("location") == "statusCode" for member in members)


def _broken_error(
    operation: OperationModel, status: int, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    code = headers.get("x-amzn-errortype")
    declared = {shape.name: shape for shape in operation.error_shapes}
    if code not in declared:
        yield f"{operation.name} does not declare {code}"
        return
    shape = declared[code]
    expected = shape.metadata["error"]["httpStatusCode"]
    # An outage is told apart from a bug by its status, which no SDK looks at for this.
    if status != expected and (status, code) != (503, "ServiceException"):
        yield f"{code} with status {status}, not {expected}"
    yield from _broken(shape, json.loads(body), code)


def _broken(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure" if isinstance(value, dict) and isinstance(shape, StructureShape):
            in_body = {
                name: member
                for name, member in shape.members.items()
                if "location" not in member.serialization
            }
            for name in value.keys() - in_body.keys():
                yield f"{path}.{name} is not in the model"
            for name in set(shape.required_members) & in_body.keys() - value.keys():
                yield f"{path}.{name} is missing"
            for name in value.keys() & in_body.keys():
                yield from _broken(in_body[name], value[name], f"{path}.{name}")
        case "list" if isinstance(value, list) and isinstance(shape, ListShape):
            for item in value:
                yield from _broken(shape.member, item, f"{path}[]")
        case "map" if isinstance(value, dict) and isinstance(shape, MapShape):
            for key, item in value.items():
                yield from _broken(shape.key, key, f"{path} key")
                yield from _broken(shape.value, item, f"{path}.{key}")
        case "double" if isinstance(value, int | float) and not isinstance(value, bool):
            limits = shape.metadata
            if not limits.get("min", value) <= value <= limits.get("max", value):
                yield f"{path} is out of its limits: {value}"
        case "string" if isinstance(value, str):
            yield from _broken_text(shape, value, path)
        case "integer" | "long" if isinstance(value, int) and not isinstance(value, bool):
            limits = shape.metadata
            if not limits.get("min", value) <= value <= limits.get("max", value):
                yield f"{path} is out of its limits: {value}"
        case "timestamp" if isinstance(value, int | float) and not isinstance(value, bool):
            pass
        case "boolean" if isinstance(value, bool):
            pass
        case other:
            yield f"{path} is no {other}: {value!r:.80}"


def _broken_text(shape: Shape, text: str, path: str) -> Iterator[str]:
    limits = shape.metadata
    if not limits.get("min", 0) <= len(text) <= limits.get("max", len(text)):
        yield f"{path} is out of its limits: {len(text)} characters"
    if _enum_of(shape) and text not in _enum_of(shape):
        yield f"{path} is none of its values: {text!r:.80}"
    # Python's expressions have no classes of Unicode.
    pattern = limits.get("pattern", "").replace(r"\p{L}\p{Z}\p{N}", r"\w\s")
    if pattern and re.fullmatch(pattern, text) is None:
        yield f"{path} does not have its pattern: {text!r:.80}"
