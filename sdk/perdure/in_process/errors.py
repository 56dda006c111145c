"""Exceptions as Lambda's runtimes report them."""

from __future__ import annotations

import json
import traceback


def error_body(error: BaseException) -> bytes:
    """errorType, errorMessage and stackTrace, as JSON."""
    try:
        message = str(error)
    except Exception as unprintable:
        message = f"its text could not be had: {type(unprintable).__name__}"
    frames = traceback.extract_tb(error.__traceback__)
    return json.dumps(
        {
            "errorType": type(error).__name__,
            "errorMessage": message,
            "stackTrace": traceback.format_list(frames),
        }
    ).encode()
