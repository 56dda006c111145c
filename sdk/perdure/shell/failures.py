"""What the user's code raised, in the log of the process."""

from __future__ import annotations

import logging
from contextlib import suppress

_LOG = logging.getLogger("perdure")


def log_failure(level: int, what: str, error: BaseException) -> None:
    """Does not raise: Lambda's own log handler does, for a text that is no UTF-8, and the failure
    would be another one than it was."""
    with suppress(Exception):
        _LOG.log(level, "%s", what, exc_info=error)
