"""A plain function: what it answers shows what it was given."""

from __future__ import annotations

import os
import time
from typing import Any


class BrokenError(Exception):
    pass


def lambda_handler(event: Any, context: Any) -> Any:
    match event.get("do") if isinstance(event, dict) else None:
        case "fail":
            raise BrokenError("in the plain one")
        case "die":
            os._exit(7)
        case "sleep":
            time.sleep(60)
        case "large":
            return "x" * 1_048_576
        case _:
            return {"got": event, "tenant": context.tenant_id}
