"""Function versions for tests that call nothing."""

from __future__ import annotations

from typing import Any

from perdure_service.domain.functions import DurableConfig, FunctionVersion, PackageType
from perdure_service.domain.ids import FunctionVersionId
from tests.support.executions import EPOCH

ACCOUNT, REGION = "000000000000", "us-east-1"


def function_version(**changes: Any) -> FunctionVersion:
    """$LATEST of the durable function `order`, which is that of `tests.support.executions`, changed
    as said."""
    facts: dict[str, Any] = {
        "id": FunctionVersionId("0197e0c3-2c40-7000-8000-0000000000f1"),
        "account": ACCOUNT,
        "region": REGION,
        "function_name": "order",
        "version": "$LATEST",
        "durable": DurableConfig(execution_timeout_seconds=3_600),
        "timeout_seconds": 60,
        "memory_mb": 128,
        "package_type": PackageType.ZIP,
        "runtime": "python3.13",
        "handler": "app.handler",
        "code_sha256": None,
        "image_uri": None,
        "description": "",
        "revision_id": "0197e0c3-2c40-7000-8000-0000000000f2",
        "created_at": EPOCH,
    }
    return FunctionVersion(**{**facts, **changes})
