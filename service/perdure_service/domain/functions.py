"""Functions and their versions: what can be invoked."""

from __future__ import annotations

import re
from enum import StrEnum

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import FunctionVersionId, function_arn
from perdure_service.domain.instant import Instant

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")

RUNTIME_EMULATOR_PATH = "/2015-03-31/functions/function/invocations"

UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."


class PackageType(StrEnum):
    ZIP = "Zip"
    IMAGE = "Image"


@frozen
class DurableConfig:
    execution_timeout_seconds: int
    retention_days: int = 14


@frozen
class FunctionVersion:
    """One version of a function, `$LATEST` or a number. A published one never changes.

    `image_uri` is a push target's URL. `code_sha256` (hex) names the stored zip; None for a live
    folder that no copy was taken of. `durable` None is a plain function. `dead_letter_target` is a
    URL, or an ARN that stands for one, for the events of asynchronous executions that failed.
    """

    id: FunctionVersionId
    account: str
    region: str
    function_name: str
    version: str
    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int
    package_type: PackageType
    runtime: str | None
    handler: str | None
    code_sha256: str | None
    image_uri: str | None
    description: str
    revision_id: str
    created_at: Instant
    dead_letter_target: str | None = None

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.function_name)

    @property
    def qualified_arn(self) -> str:
        return function_arn(self.account, self.region, self.function_name, self.version)


def check_function_name(name: str) -> str:
    """`name`, or InvalidParameterValue."""
    if _NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"Invalid function name '{name}': use 1 to 64 letters, digits, hyphens, underscores."
        )
    return name
