"""An order: check it, take the money, wait for the warehouse, confirm.

Kill anything at any moment; no step whose result was kept runs again.
"""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import (
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import Duration

PRICE = 99.99
WAIT_SECONDS = 10


@durable_step
def validate(step: StepContext, order_id: str) -> dict[str, Any]:
    step.logger.info("Validating order %s", order_id)
    return {"orderId": order_id, "status": "validated"}


@durable_step
def pay(step: StepContext, order_id: str) -> dict[str, Any]:
    # A real charge would carry an idempotency key: this may run again if the process dies
    # between the charge and the checkpoint.
    step.logger.info("Taking %.2f for order %s", PRICE, order_id)
    return {"orderId": order_id, "status": "paid", "amount": PRICE}


@durable_step
def confirm(step: StepContext, order_id: str) -> dict[str, Any]:
    step.logger.info("Confirming order %s", order_id)
    return {"orderId": order_id, "status": "confirmed"}


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    order_id = event["orderId"]
    validated = context.step(validate(order_id))
    paid = context.step(pay(order_id))
    # Nothing runs meanwhile: the handler is invoked again when the time is over.
    context.wait(Duration.from_seconds(event.get("waitSeconds", WAIT_SECONDS)), name="warehouse")
    confirmed = context.step(confirm(order_id))
    return {
        "orderId": order_id,
        "status": "completed",
        "steps": [validated, paid, confirmed],
    }
