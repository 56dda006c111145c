// Waits, and conditions that are polled.
import { BrokenError, PAUSE, die, gate, note, scenarios } from "./common.mjs";

const SECOND = { seconds: 1 };

const grow = async ({ grown }) => ({ grown: grown + 1 });

const until = (goal) => ({
  initialState: { grown: 0 },
  waitStrategy: ({ grown }) => ({ shouldContinue: grown < goal, delay: SECOND }),
});

scenarios({
  async wait(event, context) {
    await context.wait("pause", PAUSE);
    return "rested";
  },

  async "wait-without-name"(event, context) {
    await context.wait(PAUSE);
    return "rested";
  },

  async "waits-in-a-row"(event, context) {
    await context.wait("first", PAUSE);
    await context.step("between", async () => note(event, "between"));
    await context.wait("second", PAUSE);
    return "rested";
  },

  async "wait-of-a-year"(event, context) {
    await context.wait("year", { days: 366 });
    return "not reached";
  },

  // The state that a check returned is what the next one gets.
  condition: (event, context) => context.waitForCondition("grown", grow, until(2)),

  "condition-met-at-once": (event, context) => context.waitForCondition("grown", grow, until(1)),

  "condition-failing": (event, context) =>
    context.waitForCondition(
      "grown",
      async (state) => {
        if (state.grown === 1) throw new BrokenError("no more");
        return grow(state);
      },
      until(3),
    ),

  // The process dies in the second check, whose state was kept through READY and START.
  "condition-crash": (event, context) =>
    context.waitForCondition(
      "grown",
      async (state) => {
        if (note(event, `had ${state.grown}`) === 2) {
          await gate(event, "die");
          die();
        }
        return grow(state);
      },
      until(2),
    ),
});
