"""What every test of the domain needs to begin with: an identity, a moment, a ring of keys."""

from __future__ import annotations

from typing import Any

from perdure_service.domain.decision import Moment, NewExecution
from perdure_service.domain.execution import Identity
from perdure_service.domain.ids import FunctionVersionId, InvocationId, WorkerId, execution_id
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.tokens import KeyRing

EPOCH = Instant(1_750_000_000_000_000)
WORKER = WorkerId("0197e0c3-2c40-7000-8000-00000000beef")
KEYS = KeyRing({1: b"a key of thirty-two made-up bytes"}, current=1)


def at(seconds: float) -> Instant:
    """The instant `seconds` after the tests' epoch."""
    return after(EPOCH, seconds)


def moment(seconds: float, nonce: int = 0) -> Moment:
    return Moment(at(seconds), nonce)


def invocation_id(number: int) -> InvocationId:
    return InvocationId(f"0197e0c3-2c40-7000-9000-{number:012x}")


def identity(number: int = 1, **changes: Any) -> Identity:
    """The `number`-th execution of the function `order`, changed as said."""
    facts: dict[str, Any] = {
        "id": execution_id(EPOCH, number << 12, part=7),
        "account": "000000000000",
        "region": "us-east-1",
        "function_name": "order",
        "version": "1",
        "qualifier": "live",
        "function_version_id": FunctionVersionId("0197e0c3-2c40-7000-8000-0000000000f1"),
        "name": f"order-{number}",
        "started_at": EPOCH,
        "timeout_seconds": 86_400,
        "retention_days": 14,
    }
    return Identity(**{**facts, **changes})


def new_execution(input_: str = '{"sku": "A-1"}', **changes: Any) -> NewExecution:
    return NewExecution(identity(**changes), input_)


def callback_id_of(execution: str, operation: str) -> str:
    return f"{execution}/{operation}"
