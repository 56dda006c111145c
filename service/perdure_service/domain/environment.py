"""A function's environment variables. They are secret: no error shows a value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from perdure_service.domain.errors import InvalidParameterValue

MAX_ENVIRONMENT_BYTES = 4_096

RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
"""What Lambda sets itself."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)


def check_environment(variables: Mapping[str, str]) -> Mapping[str, str]:
    """`variables`, or InvalidParameterValue in Lambda's words."""
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise InvalidParameterValue(
            f"{_UNABLE}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    for name, value in variables.items():
        if _NAME.fullmatch(name) is None:
            raise InvalidParameterValue(
                f"Invalid environment variable name '{name[:200]}': use a letter, then letters, "
                "digits and underscores, two characters at least."
            )
        if "\0" in value:
            raise InvalidParameterValue(
                f"The environment variable '{name}' holds the character U+0000, which no process "
                "can be given."
            )
    spelled = json.dumps(dict(variables), ensure_ascii=False, separators=(",", ":"))
    if len(spelled.encode()) > MAX_ENVIRONMENT_BYTES:
        raise InvalidParameterValue(f"{_UNABLE}exceeded the 4KB limit.")
    return variables
