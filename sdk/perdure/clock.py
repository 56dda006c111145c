"""The wall clock of the SDK. It only guesses when to ask the service again; nothing is decided."""

from __future__ import annotations

import time


def epoch_seconds() -> float:
    return time.time()  # noqa: TID251  compared with due times that the service tells
