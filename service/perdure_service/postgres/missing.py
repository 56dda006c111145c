"""What is said of functions and aliases that are not there."""

from __future__ import annotations

from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.ids import LATEST, function_arn


def missing_function(
    account: str, region: str, name: str, version: str | None = None
) -> ResourceNotFound:
    """Of $LATEST, as of the function itself, nobody names the version."""
    number = None if version == LATEST else version
    return ResourceNotFound(f"Function not found: {function_arn(account, region, name, number)}")


def missing_alias(account: str, region: str, name: str, alias_name: str) -> ResourceNotFound:
    arn = function_arn(account, region, name, alias_name)
    return ResourceNotFound(f"Cannot find alias arn: {arn}")
