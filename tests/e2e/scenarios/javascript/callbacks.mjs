// Callbacks, by themselves and with a submitter.
import { BrokenError, PAUSE, gate, note, scenarios } from "./common.mjs";
import { NO_RETRY, THREE_ATTEMPTS } from "./steps.mjs";


const seconds = (number) => (number ? { seconds: number } : undefined);

/** The callback `approval`, with the timeouts of the event; its result or its error's text. */
async function open(event, context) {
  const [answer] = await context.createCallback("approval", {
    timeout: seconds(event.timeout),
    heartbeatTimeout: seconds(event.heartbeat),
  });
  try {
    return await answer;
  } catch (error) {
    return `failed: ${error.message}`;
  }
}

const submitter = (event) => async (callbackId) => {
  note(event, callbackId);
};

async function caught(event, context, config, submit = submitter(event)) {
  try {
    return await context.waitForCallback("approval", submit, config);
  } catch (error) {
    return `failed: ${error.message}`;
  }
}

scenarios({
  callback: open,
  "callback-empty": open,
  "callback-text": open,
  "callback-failed": open,
  "callback-failed-without-error": open,
  "callback-timed-out": open,
  "callback-heartbeat-missed": open,
  "callback-heartbeats": open,
  "callback-completed-twice": open,
  "callback-after-the-end": open,

  // Completed before anybody asks for the result: the function never suspends.
  async "callback-while-running"(event, context) {
    const [answer, callbackId] = await context.createCallback("approval");
    note(event, callbackId);
    await gate(event, "completed");
    // The answer to the step's checkpoint brings the result.
    await context.step("work", async () => "done");
    return answer;
  },

  // As before, but the function asks for the result without a checkpoint in between.
  async "callback-completed-in-a-step"(event, context) {
    const [answer, callbackId] = await context.createCallback("approval");
    note(event, callbackId);
    await gate(event, "completed");
    return answer;
  },

  async "callback-during-a-wait"(event, context) {
    const [answer] = await context.createCallback("approval");
    await context.wait("pause", { seconds: 4 });
    return answer;
  },

  async "callbacks-one-after-the-other"(event, context) {
    const [first] = await context.createCallback("first");
    const [second] = await context.createCallback("second");
    return [await first, await second];
  },

  "wait-for-callback": (event, context) => context.waitForCallback("approval", submitter(event)),

  "wait-for-callback-failed": (event, context) => caught(event, context),

  "wait-for-callback-timed-out": (event, context) => caught(event, context, { timeout: PAUSE }),

  "wait-for-callback-heartbeat-missed": (event, context) =>
    caught(event, context, { heartbeatTimeout: PAUSE }),

  // The submitter fails once.
  "wait-for-callback-submitted-again": (event, context) =>
    context.waitForCallback(
      "approval",
      async (callbackId) => {
        note(event, callbackId);
        if (note(event, "submitted") < 3) throw new BrokenError("not this time");
      },
      { retryStrategy: THREE_ATTEMPTS },
    ),

  "wait-for-callback-not-submitted": (event, context) =>
    caught(event, context, NO_RETRY, async () => {
      throw new BrokenError("cannot submit");
    }),
});
