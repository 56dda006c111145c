"""Identifiers: executions, invocations, and the ARNs that name them to the outside."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NewType

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant

ExecutionId = NewType("ExecutionId", str)
InvocationId = NewType("InvocationId", str)
WorkerId = NewType("WorkerId", str)
FunctionVersionId = NewType("FunctionVersionId", str)

LATEST = "$LATEST"
_PARTS = 4096
_MAX_ARN = 1024
_SHOWN_CHARACTERS = 200

_FUNCTION = re.compile(
    r"(?:(?:arn:(?:aws[a-zA-Z-]*)?:lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?P<account>[0-9]{12}):function:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,64})"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]{1,128}))?"
)
EXECUTION_ARN_PATTERN = (
    r"arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+)"
    r":(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)"
)
"""Lambda's own, which it shows to callers whose ARN is another thing."""

_EXECUTION_ARN = re.compile(EXECUTION_ARN_PATTERN, re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """True for a UUID in canonical lower case, the only form that this service writes."""
    return _UUID.fullmatch(text) is not None


def part_of(execution_id: str) -> int:
    """The shard of an execution: the last 12 bits of its id, 0 to 4095."""
    return int(execution_id[-3:], 16)


def part_for_name(account: str, function_name: str, name: str) -> int:
    """The shard in which a named execution, and the lock on its name, live."""
    digest = hashlib.blake2b(f"{account}/{function_name}/{name}".encode(), digest_size=2).digest()
    return int.from_bytes(digest) % _PARTS


def execution_id(now: Instant, randomness: int, part: int) -> ExecutionId:
    """A version 7 UUID of `now` and 62 random bits, its last 12 bits set to `part`."""
    value = (now // 1000 & (1 << 48) - 1) << 80 | 7 << 76 | (now % 1000 * 4 & 0xFFF) << 64
    value |= 2 << 62 | randomness & ((1 << 62) - 1) & ~(_PARTS - 1) | part
    text = f"{value:032x}"
    return ExecutionId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


@frozen
class FunctionAddress:
    """A function as callers write it: a name, a partial ARN or a full ARN, perhaps qualified."""

    name: str
    qualifier: str | None = None
    account: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, text: str) -> FunctionAddress:
        """Raises InvalidParameterValue unless `text` is one of Lambda's three forms."""
        match = _FUNCTION.fullmatch(text)
        if match is None:
            raise InvalidParameterValue(
                f"Invalid function ARN '{text}': give a function name, name:qualifier, or a full "
                "Lambda function ARN."
            )
        return cls(match["name"], match["qualifier"], match["account"], match["region"])


def function_arn(account: str, region: str, name: str, qualifier: str | None = None) -> str:
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


@frozen
class ExecutionArn:
    """A durable execution's ARN. Its last segment is the id of the EXECUTION operation."""

    account: str
    region: str
    function_name: str
    version: str
    name: str
    id: ExecutionId

    @classmethod
    def parse(cls, text: str) -> ExecutionArn:
        """Raises InvalidParameterValue, in the words of Lambda's framework, if `text` is not a
        durable execution ARN."""
        if len(text) > _MAX_ARN:
            raise _no_execution_arn(text, f"have length less than or equal to {_MAX_ARN}")
        arn = _parse_execution_arn(text)
        if arn is None:
            pattern = EXECUTION_ARN_PATTERN
            raise _no_execution_arn(text, f"satisfy regular expression pattern: {pattern}")
        return arn

    def __str__(self) -> str:
        function = function_arn(self.account, self.region, self.function_name, self.version)
        return f"{function}/durable-execution/{self.name}/{self.id}"


@lru_cache(maxsize=1_024)
def _parse_execution_arn(text: str) -> ExecutionArn | None:
    """Remembered, since an execution's ARN comes with every checkpoint."""
    match = _EXECUTION_ARN.fullmatch(text)
    if match is None:
        return None
    _, region, account, function_name, version, name, id_ = match.groups()
    return ExecutionArn(account, region, function_name, version, name, ExecutionId(id_))


def _no_execution_arn(text: str, constraint: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"1 validation error detected: Value '{text[:_SHOWN_CHARACTERS]}' at 'durableExecutionArn' "
        f"failed to satisfy constraint: Member must {constraint}"
    )
