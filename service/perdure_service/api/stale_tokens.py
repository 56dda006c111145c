"""A stale checkpoint token is refused in the words that the caller's SDK looks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from perdure_service.api.asgi import header
from perdure_service.domain.errors import InvalidCheckpointToken
from perdure_service.domain.token_text import LAMBDAS_TEXT, OLD_TEXT, TokenText

_OLD_SDKS: Final = re.compile(
    r"aws-durable-execution-sdk-python/(?:1\.|2\.0\.0\b)"
    # The name and the version of JavaScript's stand on both sides of a #.
    r"|durable-execution-sdk-js[#/](?:[01]\.|2\.[0-4]\.)"
)


class StaleTokens:
    def __init__(self, text: TokenText) -> None:
        self._text = text

    def worded(self, error: Exception, headers: Sequence[tuple[bytes, bytes]]) -> Exception:
        """The error as this caller must hear it."""
        if not isinstance(error, InvalidCheckpointToken):
            return error
        match self._text:
            case TokenText.LAMBDA:
                return InvalidCheckpointToken(LAMBDAS_TEXT)
            case TokenText.OLD:
                return InvalidCheckpointToken(OLD_TEXT)
            case TokenText.CLIENT:
                is_old = _OLD_SDKS.search(header(headers, b"user-agent") or "")
                return InvalidCheckpointToken(OLD_TEXT if is_old else LAMBDAS_TEXT)
