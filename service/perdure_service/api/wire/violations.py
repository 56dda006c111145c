"""What a body or a query string breaks, in the words of Lambda's framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pydantic_core import to_json

from perdure_service.domain.errors import InvalidParameterValue

_MAX_LISTED = 10
_MAX_VALUE_CHARACTERS = 200
_SENSITIVE = frozenset(
    {
        "payload",
        "reason",
        "errorMessage",
        "errorType",
        "errorData",
        "stackTrace",
        "zipFile",
        "environment",
        "variables",
    }
)
_PARTS_OF_A_REQUEST = frozenset({"body", "query", "path", "header"})

_CONSTRAINTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "not be null",
    "string_type": lambda _: "be a string",
    "int_type": lambda _: "be a whole number",
    "int_parsing": lambda _: "be a whole number",
    "int_parsing_size": lambda _: "be a smaller number",
    "int_from_float": lambda _: "be a whole number",
    "float_type": lambda _: "be a number",
    "float_parsing": lambda _: "be a number",
    "bool_type": lambda _: "be true or false",
    "bool_parsing": lambda _: "be true or false",
    "dict_type": lambda _: "be an object",
    "list_type": lambda _: "be a list",
    "tuple_type": lambda _: "be a list",
    "string_too_long": lambda ctx: f"have length less than or equal to {ctx['max_length']}",
    "string_too_short": lambda ctx: f"have length greater than or equal to {ctx['min_length']}",
    "string_pattern_mismatch": lambda ctx: (
        f"satisfy regular expression pattern: {ctx['pattern'].removeprefix('^').removesuffix('$')}"
    ),
    "too_long": lambda ctx: f"have length less than or equal to {ctx['max_length']}",
    "too_short": lambda ctx: f"have length greater than or equal to {ctx['min_length']}",
    "less_than_equal": lambda ctx: f"have value less than or equal to {ctx['le']}",
    "greater_than_equal": lambda ctx: f"have value greater than or equal to {ctx['ge']}",
    "enum": lambda ctx: f"satisfy enum value set: [{_enum_values(ctx['expected'])}]",
    "literal_error": lambda ctx: f"satisfy enum value set: [{_enum_values(ctx['expected'])}]",
}


class Invalid(Protocol):
    """What pydantic and FastAPI raise for input that does not fit."""

    def errors(self) -> Sequence[Any]: ...


def violation(path: str, value: object, constraint: str) -> InvalidParameterValue:
    """One broken constraint, for what is checked by hand."""
    return InvalidParameterValue(f"1 validation error detected: {_line(path, value, constraint)}")


def refusal(invalid: Invalid) -> InvalidParameterValue:
    """All that is broken, in one message."""
    errors = invalid.errors()
    if errors[0]["type"] == "json_invalid":
        return InvalidParameterValue(not_json(errors[0]["ctx"]["error"]))
    lines = [_error_line(error) for error in errors[:_MAX_LISTED]]
    if len(errors) > _MAX_LISTED:
        lines.append("and more")
    noun = "error" if len(errors) == 1 else "errors"
    return InvalidParameterValue(f"{len(errors)} validation {noun} detected: {'; '.join(lines)}")


def not_json(reason: str) -> str:
    """Lambda's text for a body that is not JSON."""
    return f"Could not parse request body into json: {reason}"


def _error_line(error: Mapping[str, Any]) -> str:
    render = _CONSTRAINTS.get(error["type"])
    missing = error["type"] == "missing" or error["input"] is None
    if missing:
        constraint = "not be null"
    elif render is not None:
        constraint = render(error.get("ctx", {}))
    else:
        constraint = error["msg"]
    return _line(_path(error["loc"]), None if missing else error["input"], constraint)


def _line(path: str, value: object, constraint: str) -> str:
    if value is None:
        shown = "Value null"
    elif not _SENSITIVE.isdisjoint(path.split(".")):
        shown = "Value"
    else:
        shown = f"Value '{_shown(value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


def _path(loc: Sequence[str | int]) -> str:
    if loc and loc[0] in _PARTS_OF_A_REQUEST:
        loc = loc[1:]
    names = [
        f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:]
        for part in loc
    ]
    return ".".join(names) or "body"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}…"


def _enum_values(expected: str) -> str:
    """pydantic lists them as `'A', 'B' or 'C'`."""
    return expected.replace(" or ", ", ").replace("'", "")
