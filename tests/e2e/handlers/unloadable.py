"""A function whose module does not load."""

from __future__ import annotations

import os
from typing import Any

SETTING = os.environ["MISSING_SETTING"]


def lambda_handler(event: Any, context: Any) -> Any:
    return SETTING
