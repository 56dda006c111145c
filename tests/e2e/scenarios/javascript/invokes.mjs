// Chained invokes of durable and of plain functions.
import { BrokenError, die, note, scenarios } from "./common.mjs";

const MEBIBYTE = 1_048_576;

/** The event's target with the event's payload; what came, or the error's text. */
async function invoke(event, context) {
  try {
    return await context.invoke("other", event.target, event.payload, { tenantId: event.tenant });
  } catch (error) {
    return `failed: ${error.message}`;
  }
}

scenarios({
  invoke,
  "invoke-plain": invoke,
  "invoke-plain-failing": invoke,
  "invoke-failing": invoke,
  "invoke-unknown": invoke,
  "invoke-unqualified": invoke,
  "invoke-with-tenant": invoke,
  "invoke-timed-out": invoke,
  "invoke-stopped": invoke,
  "invoke-with-a-large-result": invoke,
  "invoke-plain-with-a-large-result": invoke,
  "invoke-plain-timed-out": invoke,
  "invoke-plain-crash": invoke,
  "invoke-of-one-that-dies": invoke,
  "invoke-by-a-stopped-parent": invoke,

  async "invokes-by-the-dozen"(event, context) {
    const invoking = (number) => ({
      name: `${number}`,
      func: (branch) =>
        branch.invoke(`other ${number}`, event.target, {
          scenario: "child-that-returns",
          value: number,
        }),
    });
    const branches = Array.from({ length: event.branches }, (_, number) => invoking(number));
    return (await context.parallel("all", branches)).getResults();
  },

  // The service refuses the checkpoint, and the SDK ends the execution.
  "invoke-with-a-large-input": (event, context) =>
    context.invoke("other", event.target, "x".repeat(MEBIBYTE)),

  "invoke-in-a-context": (event, context) =>
    context.runInChildContext("group", (child) => invoke(event, child)),

  "child-that-returns": (event, context) =>
    context.step("child step", async () => ({ got: event.value })),

  async "child-that-waits"(event, context) {
    await context.wait("child wait", { seconds: event.seconds });
    return "rested";
  },

  async "child-that-fails"() {
    throw new BrokenError("in the child");
  },

  "child-with-a-large-result": async () => "x".repeat(MEBIBYTE),

  // Once; the second invocation returns.
  async "child-that-dies"(event) {
    if (note(event, "run") === 1) die();
    return "alive";
  },
});
