// Pauses, of which a handler knows nothing.
import { BrokenError, die, gate, note, scenarios } from "./common.mjs";

/** The first waits for the test. */
async function twoSteps(event, context) {
  const first = await context.step("first", async () => {
    await gate(event, "go");
    return "done";
  });
  return [first, await context.step("second", async () => "done")];
}

async function oneCallback(event, context) {
  const [answer] = await context.createCallback("approval");
  return answer;
}

scenarios({
  "pause-while-it-waits": oneCallback,
  "stop-while-it-is-paused": oneCallback,
  "pause-while-it-runs": twoSteps,
  "pause-taken-back": twoSteps,

  async "pause-while-a-wait-ends"(event, context) {
    note(event, "run");
    await context.wait("rest", { seconds: event.seconds });
    return "rested";
  },

  "pause-before-a-retry": (event, context) =>
    context.step(
      "flaky",
      async () => {
        if (note(event, "attempt") === 1) throw new BrokenError("not yet");
        return "done";
      },
      { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 4 } }) },
    ),

  async "pause-of-a-child"(event, context) {
    if (event.child) {
      await context.wait("rest", { seconds: event.seconds });
      return "child";
    }
    return context.invoke("other", `${event.self}:$LATEST`, { ...event, child: true });
  },

  "pause-of-a-crash": (event, context) =>
    context.step("work", async () => {
      const runs = note(event, "run");
      if (runs === 1) {
        await gate(event, "go");
        die();
      }
      return `run ${runs}`;
    }),
});
