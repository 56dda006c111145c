// An order: check it, take the money, wait for the warehouse, confirm.
// Kill anything at any moment; no step whose result was kept runs again.
import { withDurableExecution } from "@aws/durable-execution-sdk-js";

const PRICE = 99.99;
const WAIT_SECONDS = 10;

export const handler = withDurableExecution(async ({ orderId, waitSeconds }, context) => {
  const validated = await context.step("validate", async (step) => {
    step.logger.info(`Validating order ${orderId}`);
    return { orderId, status: "validated" };
  });
  const paid = await context.step("pay", async (step) => {
    // A real charge would carry an idempotency key: this may run again if the process dies
    // between the charge and the checkpoint.
    step.logger.info(`Taking ${PRICE} for order ${orderId}`);
    return { orderId, status: "paid", amount: PRICE };
  });
  // Nothing runs meanwhile: the handler is invoked again when the time is over.
  await context.wait("warehouse", { seconds: waitSeconds ?? WAIT_SECONDS });
  const confirmed = await context.step("confirm", async (step) => {
    step.logger.info(`Confirming order ${orderId}`);
    return { orderId, status: "confirmed" };
  });
  return { orderId, status: "completed", steps: [validated, paid, confirmed] };
});
