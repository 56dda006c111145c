"""Containers that the service calls."""

from __future__ import annotations

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import RUNTIME_EMULATOR_PATH
from perdure_service.domain.http_url import http_url


def push_target(uri: str) -> str:
    """The URL to post invocations to; one without a path is a container image with Lambda's
    runtime interface emulator. Raises InvalidParameterValue for anything else."""
    url = http_url(uri)
    if url is None:
        raise InvalidParameterValue(
            f"The ImageUri '{uri}' is not a push target: give the address at which the image "
            "already runs, as http://host:port or https://host:port/path."
        )
    return uri if url.path else url._replace(path=RUNTIME_EMULATOR_PATH).geturl()
