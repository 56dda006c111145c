"""An expense claim that waits for a person: for days if need be, and nothing runs meanwhile."""

from __future__ import annotations

import json
from typing import Any

from aws_durable_execution_sdk_python import (
    CallbackExternalError,
    CallbackTimeoutError,
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import Duration, WaitForCallbackConfig
from aws_durable_execution_sdk_python.types import WaitForCallbackContext

DECIDE_WITHIN_SECONDS = 7 * 86_400


@durable_step
def pay_out(step: StepContext, claim: str, amount: float) -> str:
    step.logger.info("Paying %.2f for claim %s", amount, claim)
    return f"payment-of-{claim}"


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    claim, amount = event["claim"], event["amount"]

    def ask(callback_id: str, ask_context: WaitForCallbackContext) -> None:
        # A real one sends a mail with a link. Whoever has the id may answer.
        ask_context.logger.info(
            "Claim %s over %.2f: answer callback %s", claim, amount, callback_id
        )

    within = Duration.from_seconds(event.get("decideWithinSeconds", DECIDE_WITHIN_SECONDS))
    try:
        answer = context.wait_for_callback(
            ask, name="approval", config=WaitForCallbackConfig(timeout=within)
        )
    except CallbackTimeoutError:
        return {"claim": claim, "status": "expired"}
    except CallbackExternalError as refusal:
        return {"claim": claim, "status": "rejected", "reason": refusal.message}
    payment = context.step(pay_out(claim, amount))
    by = json.loads(answer)["by"]
    return {"claim": claim, "status": "paid", "approvedBy": by, "payment": payment}
