"""The constrained values of Lambda's model that several bodies share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from perdure_service.api.wire.violations import refusal
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.limits import MAX_DELAY_SECONDS, MEBIBYTE
from perdure_service.domain.operations import ErrorObject


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "not hold the character U+0000")
    return text


WITHOUT_NUL = AfterValidator(_without_nul)
"""For what gets into a text column: Postgres would fail the statement, with what others have in
it."""

StorableText = Annotated[str, WITHOUT_NUL]
OperationId = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-_]+$")
]
OperationName = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[\x20-\x7E]+$")
]
OperationSubType = Annotated[
    str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-zA-Z0-9-_]+$")
]
OperationPayload = Annotated[str, StringConstraints(max_length=6_291_456)]
CheckpointTokenText = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[A-Za-z0-9+/]+={0,2}$")
]
ClientToken = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7E]+$")
]
ExecutionName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-_]+$")
]
TenantId = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[a-zA-Z0-9\._:\/=+\-@ ]+$")
]
TraceId = Annotated[str, StringConstraints(max_length=8192), WITHOUT_NUL]
FunctionReference = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=256,
        pattern=r"^(arn:(aws[a-zA-Z-]*)?:lambda:)?"
        r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
        r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$",
    ),
]
CallbackId = Annotated[
    str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z0-9+/]+={0,2}$")
]
Qualifier = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=128, pattern=r"^(\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+)$"
    ),
]
DelaySeconds = Annotated[int, Field(ge=1, le=MAX_DELAY_SECONDS)]
Uuid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]


class ErrorObjectBody(TypedDict, total=False):
    ErrorMessage: str | None
    ErrorType: str | None
    ErrorData: str | None
    StackTrace: list[str] | None


def error_object(body: ErrorObjectBody) -> ErrorObject:
    trace = body.get("StackTrace")
    return ErrorObject(
        message=body.get("ErrorMessage"),
        type=body.get("ErrorType"),
        data=body.get("ErrorData"),
        stack_trace=tuple(trace) if trace is not None else None,
    )


ERROR_OBJECT_BODY: TypeAdapter[ErrorObjectBody] = TypeAdapter(ErrorObjectBody)

ERROR_BODY_BYTES = 7 * MEBIBYTE
"""The largest legal error, 1 MiB, may be spelled with six bytes a character in JSON."""


def parse_error_object(body: bytes) -> ErrorObject:
    """A body that is an ErrorObject; an empty one is an empty error. Raises
    InvalidParameterValue."""
    return error_object(parse_json(ERROR_OBJECT_BODY, body)) if body.strip() else ErrorObject()


def parse_text(body: bytes) -> str | None:
    """A body that is kept as it is; None if there is none. Raises InvalidParameterValue."""
    try:
        return body.decode() or None
    except UnicodeDecodeError:
        raise InvalidParameterValue("The request body must be UTF-8.") from None


def parse_json(adapter: TypeAdapter[Any], body: bytes) -> Any:
    """The body, checked member by member without guessing. Raises InvalidParameterValue."""
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as invalid:
        raise refusal(invalid) from None
