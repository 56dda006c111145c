// Child contexts: nested, failing, interrupted, and with results too large to keep.
import { BrokenError, PAUSE, die, gate, note, scenarios } from "./common.mjs";

scenarios({
  // Its steps do not run again on the replay after the wait.
  async context(event, context) {
    const grouped = await context.runInChildContext("group", async (inner) => {
      const first = await inner.step("first", async () => note(event, "first"));
      const second = await inner.step("second", async () => note(event, "second"));
      return `${first} ${second}`;
    });
    await context.wait("pause", PAUSE);
    return grouped;
  },

  "contexts-nested": (event, context) =>
    context.runInChildContext("outer", async (child) => {
      const inner = await child.runInChildContext("inner", (grandchild) =>
        grandchild.step("step", async () => "deep"),
      );
      return `outer ${inner}`;
    }),

  "context-that-waits": (event, context) =>
    context.runInChildContext("group", async (inner) => {
      await inner.wait("pause", PAUSE);
      return inner.step("after", async () => "rested");
    }),

  async "context-failing"(event, context) {
    try {
      return await context.runInChildContext("group", async (inner) => {
        await inner.step("first", async () => "done");
        throw new BrokenError("inside");
      });
    } catch (error) {
      return `failed: ${error.message}`;
    }
  },

  "context-failing-uncaught": (event, context) =>
    context.runInChildContext("group", async () => {
      throw new BrokenError("inside");
    }),

  // The process dies inside: neither context nor step start again in the history.
  "context-interrupted": (event, context) =>
    context.runInChildContext("group", async (inner) => {
      const runs = await inner.step("fatal", async () => {
        const runs = note(event, "run");
        if (runs === 1) {
          await gate(event, "die");
          die();
        }
        return runs;
      });
      return `run ${runs}`;
    }),

  // Over 256 KB: its children come back on replay, and its code runs again over them.
  async "context-with-a-large-result"(event, context) {
    const grouped = await context.runInChildContext("group", async (inner) => {
      note(event, "group");
      const part = await inner.step("part", async () => "x".repeat(200_000));
      return part + part;
    });
    await context.wait("pause", PAUSE);
    return grouped.length;
  },

  // The inner one keeps its result; only the outer one's children come back.
  async "context-within-a-large-one"(event, context) {
    const grouped = await context.runInChildContext("outer", async (child) => {
      const length = await child.runInChildContext("inner", (grandchild) =>
        grandchild.step("length", async () => 200_000),
      );
      return "x".repeat(2 * length);
    });
    await context.wait("pause", PAUSE);
    return grouped.length;
  },
});
