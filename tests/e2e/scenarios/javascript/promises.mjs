// The promise combinators, over operations that have begun.
import { BrokenError, PAUSE, scenarios } from "./common.mjs";
import { NO_RETRY } from "./steps.mjs";

const numbered = (context, name, number) => context.step(name, async () => number);

const broken = (context) =>
  context.step(
    "broken",
    async () => {
      throw new BrokenError("in broken");
    },
    NO_RETRY,
  );

scenarios({
  "promise-all": (event, context) =>
    context.promise.all("both", [numbered(context, "one", 1), numbered(context, "two", 2)]),

  async "promise-all-failing"(event, context) {
    try {
      return await context.promise.all("both", [numbered(context, "one", 1), broken(context)]);
    } catch (error) {
      return `failed: ${error.message}`;
    }
  },

  // The replay after the wait has the errors again, too.
  async "promise-all-settled"(event, context) {
    const one = numbered(context, "one", 1);
    const settled = await context.promise.allSettled("both", [one, broken(context)]);
    await context.wait("pause", PAUSE);
    return settled.map(({ status, value, reason }) => `${status} ${reason?.message ?? value}`);
  },

  "promise-any": (event, context) =>
    context.promise.any("any", [broken(context), numbered(context, "one", 1)]),

  "promise-race": (event, context) =>
    context.promise.race("race", [
      context.wait("long", { minutes: 1 }),
      context.step("quick", async () => "quick"),
    ]),

  async "promise-all-of-waits"(event, context) {
    const waits = [context.wait("short", PAUSE), context.wait("long", { seconds: 4 })];
    await context.promise.all("both", waits);
    return "rested";
  },
});
