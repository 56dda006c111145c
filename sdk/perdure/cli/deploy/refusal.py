"""Why a deployment does not begin, or not go on."""

from __future__ import annotations

from perdure.client import ClientError


class CannotDeploy(ClientError):
    """The text says what to do."""
