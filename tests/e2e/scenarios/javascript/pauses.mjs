// Pauses, of which a handler knows nothing.
import { gate, scenarios } from "./common.mjs";

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
});
