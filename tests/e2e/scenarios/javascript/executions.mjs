// Whole executions: how they end, and what is too large for one message.
import { BrokenError, INVOCATION, PAUSE, die, gate, note, scenarios, sleep } from "./common.mjs";

const filling = (event) => "x".repeat(event.characters);

const waitsForAMinute = (event, context) => context.wait("pause", { minutes: 1 });

scenarios({
  "execution-without-operations": async (event) => ({ got: event.value }),

  async "execution-failing"() {
    throw new BrokenError("no such order");
  },

  // Before any operation, twice.
  async "execution-crash"(event) {
    if (note(event, "run") <= 2) die();
    return "run 3";
  },

  async "execution-with-a-large-result"(event, context) {
    await context.step("work", async () => "done");
    return filling(event);
  },

  // Somebody else checkpoints with the first invocation's token, as after a fail-over that lost a
  // commit: the SDK's own checkpoint is refused, and the invocation has to be made again.
  async "token-taken"(event, context) {
    if (note(event, "run") === 1) {
      const { DurableExecutionArn, CheckpointToken } = INVOCATION;
      const arn = encodeURIComponent(DurableExecutionArn);
      const lambda = process.env.AWS_ENDPOINT_URL_LAMBDA;
      await fetch(`${lambda}/2025-12-01/durable-executions/${arn}/checkpoint`, {
        method: "POST",
        body: JSON.stringify({ CheckpointToken, Updates: [] }),
      });
    }
    return context.step("work", async () => "done");
  },

  async "execution-with-a-large-error"(event) {
    throw new BrokenError(filling(event));
  },

  // The replay after the wait has to have the whole of it, too.
  async "execution-with-a-large-input"(event, context) {
    await context.wait("pause", PAUSE);
    return event.filling.length;
  },

  // On replay the steps' results come in several pages.
  async "execution-with-a-large-state"(event, context) {
    let length = 0;
    for (let number = 0; number < event.steps; number++) {
      length += (await context.step(`step ${number}`, async () => filling(event))).length;
    }
    await context.wait("pause", PAUSE);
    return length;
  },

  async "execution-of-many-steps"(event, context) {
    for (let number = 0; number < event.steps; number++) {
      await context.step(`step ${number}`, async () => note(event, "run"));
    }
    await context.wait("pause", PAUSE);
    return event.steps;
  },

  "execution-timed-out": waitsForAMinute,

  // The last checkpoint comes after the end, and is refused.
  async "execution-timed-out-while-running"(event, context) {
    await context.step("work", async () => gate(event, "go"));
    note(event, "went on");
  },

  "execution-stopped": waitsForAMinute,

  async "execution-stopped-while-running"(event, context) {
    await context.step("first", async () => note(event, "began"));
    await context.step("work", async () => gate(event, "go"));
    note(event, "went on");
  },

  // The first one is killed; the step counts as interrupted, not as failed.
  "invocation-timed-out": (event, context) =>
    context.step("work", async () => {
      const runs = note(event, "run");
      if (runs === 1) await sleep(60);
      return `run ${runs}`;
    }),

  "step-with-a-large-result": (event, context) => context.step("large", async () => filling(event)),
});
