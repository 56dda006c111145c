// Map and parallel: branches by the hundred, their limits, and how they complete.
import * as sdk from "@aws/durable-execution-sdk-js";
import { BrokenError, PAUSE, gate, note, scenarios } from "./common.mjs";
import { NO_RETRY, THREE_ATTEMPTS } from "./steps.mjs";

const FLAT = sdk.NestingType.FLAT;

const stepping = (name) => ({
  name,
  func: (branch) => branch.step(`step ${name}`, async () => name),
});

const breaking = (name) => ({
  name,
  func: (branch) =>
    branch.step(
      `step ${name}`,
      async () => {
        throw new BrokenError(`in ${name}`);
      },
      NO_RETRY,
    ),
});

const summary = (done) => ({
  results: done.getResults(),
  statuses: done.all.map((item) => item.status),
  reason: done.completionReason,
});

const itemNamer = (_, index) => `item ${index}`;

const square = (child, value, index) =>
  child.step(
    `step ${index}`,
    async () => {
      if (value < 0) throw new BrokenError(`${value} is negative`);
      return value * value;
    },
    NO_RETRY,
  );

async function squares(context, items, config) {
  return summary(
    await context.map("squares", items, square, { maxConcurrency: 1, itemNamer, ...config }),
  );
}

async function besideAStep(event, context, branch) {
  const working = (inner) =>
    inner.step("work", async () => {
      await gate(event, "go");
      return "worked";
    });
  return summary(
    await context.parallel("both", [
      { name: "first", func: branch },
      { name: "second", func: working },
    ]),
  );
}

scenarios({
  parallel: async (event, context) =>
    summary(await context.parallel("both", [stepping("a"), stepping("b")])),

  "parallel-without-branches": async (event, context) =>
    summary(await context.parallel("none", [])),

  // No context for a branch: its operations lie in the batch's own.
  "parallel-flat": async (event, context) =>
    summary(await context.parallel("both", [stepping("a"), stepping("b")], { nesting: FLAT })),

  // One at a time, so that the third is never begun.
  "parallel-failing": async (event, context) =>
    summary(
      await context.parallel("three", [stepping("a"), breaking("b"), stepping("c")], {
        maxConcurrency: 1,
      }),
    ),

  "parallel-with-tolerance": async (event, context) =>
    summary(
      await context.parallel(
        "four",
        [breaking("a"), stepping("b"), breaking("c"), stepping("d")],
        { maxConcurrency: 1, completionConfig: { toleratedFailureCount: 1 } },
      ),
    ),

  "parallel-all-completed": async (event, context) =>
    summary(
      await context.parallel("three", [breaking("a"), breaking("b"), stepping("c")], {
        maxConcurrency: 1,
        completionConfig: { toleratedFailurePercentage: 100 },
      }),
    ),

  // The slow branch never comes to its end; the batch does not wait for its callback.
  async "parallel-first-successful"(event, context) {
    const slow = async (branch) => {
      const [never] = await branch.createCallback("never");
      return never;
    };
    // Within the step: the SDK suspends as soon as no operation runs, whatever else is awaited.
    const quick = (branch) =>
      branch.step("step quick", async () => {
        await gate(event, "slow began");
        return "quick";
      });
    const branches = [
      { name: "slow", func: slow },
      { name: "quick", func: quick },
    ];
    return summary(
      await context.parallel("race", branches, { completionConfig: { minSuccessful: 1 } }),
    );
  },

  async "parallel-waits"(event, context) {
    const branch = (name) => ({
      name,
      func: async (inner) => {
        await inner.wait(`wait ${name}`, PAUSE);
        return name;
      },
    });
    return summary(await context.parallel("both", [branch("a"), branch("b")]));
  },

  // One invocation for each completion.
  async "parallel-callbacks"(event, context) {
    const branch = (name) => ({
      name,
      func: async (inner) => {
        const [answer] = await inner.createCallback(`callback ${name}`);
        return answer;
      },
    });
    return summary(await context.parallel("both", [branch("a"), branch("b")]));
  },

  async "parallel-of-hundreds"(event, context) {
    const branches = Array.from({ length: event.branches }, (_, number) => stepping(`${number}`));
    return (await context.parallel("all", branches)).getResults().length;
  },

  // What follows the callback runs at once, though a branch works and another waits for days.
  async "parallel-callback-beside-a-step"(event, context) {
    const approval = async (branch) => {
      const [answer] = await branch.createCallback("answer");
      await answer;
      return branch.step("approved", async () => note(event, "approved"));
    };
    await context.parallel("three", [
      { name: "approval", func: approval },
      { name: "slow", func: (branch) => branch.step("work", () => gate(event, "completed")) },
      { name: "month", func: (branch) => branch.wait("days", { days: 30 }) },
    ]);
  },

  // The wait ends while the other branch works: one invocation is enough.
  "parallel-wait-beside-a-step": (event, context) =>
    besideAStep(event, context, async (branch) => {
      await branch.wait("wait", { seconds: 1 });
      return branch.step("after", async () => "waited");
    }),

  "parallel-retry-beside-a-step": (event, context) =>
    besideAStep(event, context, (branch) =>
      branch.step(
        "flaky",
        async () => {
          if (note(event, "attempt") === 1) throw new BrokenError("not this time");
          return "tried again";
        },
        { retryStrategy: THREE_ATTEMPTS },
      ),
    ),

  async "parallel-within-a-branch"(event, context) {
    const outer = async (branch) =>
      (await branch.parallel("inner", [stepping("b"), stepping("c")])).getResults();
    return summary(await context.parallel("outer", [stepping("a"), { name: "d", func: outer }]));
  },

  // Two are enough, as a predicate says.
  async "parallel-decided-by-its-caller"(event, context) {
    const completionConfig = {
      shouldComplete: ({ successCount }) => (successCount >= 2 ? sdk.completeBatch() : sdk.continueBatch()),
    };
    const branches = [stepping("a"), stepping("b"), stepping("c")];
    return summary(
      await context.parallel("three", branches, { maxConcurrency: 1, completionConfig }),
    );
  },

  map: (event, context) => squares(context, [1, 2, 3]),

  "map-flat": (event, context) => squares(context, [1, 2, 3], { nesting: FLAT }),

  "map-min-successful": (event, context) =>
    squares(context, [1, 2, 3], { completionConfig: { minSuccessful: 2 } }),

  // Of four a quarter may fail, and two do.
  "map-with-failure-percentage": (event, context) =>
    squares(context, [1, -1, -2, 2], { completionConfig: { toleratedFailurePercentage: 25 } }),

  // Every item waits; the replay after it finds the steps before it done.
  async "map-of-hundreds-that-wait"(event, context) {
    const item = async (child, value, index) => {
      await child.step(`before ${index}`, async () => note(event, index));
      await child.wait(`wait ${index}`, PAUSE);
      return value;
    };
    const items = Array.from({ length: event.items }, (_, index) => index);
    const done = await context.map("all", items, item, { itemNamer, nesting: event.nesting });
    return done.getResults().reduce((sum, value) => sum + value, 0);
  },

  // The batch keeps a summary; its items come back on replay.
  async "map-with-a-large-result"(event, context) {
    const item = (child, value, index) =>
      child.step(`step ${index}`, async () => "x".repeat(100_000));
    const done = await context.map("large", [0, 1, 2], item, { itemNamer });
    await context.wait("pause", PAUSE);
    return done.getResults().join("").length;
  },
});
