// Steps that succeed, fail, are tried again, and die.
import {
  createRetryStrategy,
  JitterStrategy,
  retryPresets,
  StepSemantics,
  withRetry,
} from "@aws/durable-execution-sdk-js";
import { BrokenError, PAUSE, die, gate, note, scenarios } from "./common.mjs";

const SECOND = { seconds: 1 };
const AT_MOST_ONCE = StepSemantics.AtMostOncePerRetry;

export const THREE_ATTEMPTS = createRetryStrategy({
  maxAttempts: 3,
  initialDelay: SECOND,
  backoffRate: 2,
  jitter: JitterStrategy.NONE,
});
export const NO_RETRY = { retryStrategy: retryPresets.noRetry };

/** Counts the attempts of a step, and compares with what it is told (since 2.2). */
function attempt(event, step) {
  const counted = note(event, "attempt");
  if ((step.attempt ?? counted) !== counted) {
    throw new Error(`told that attempt ${counted} is ${step.attempt}`);
  }
  return counted;
}

const breaking = (event) => async (step) => {
  throw new BrokenError(`attempt ${attempt(event, step)}`);
};

/** The process dies in its second step, the first time. */
async function fatal(event, context, config) {
  await context.step("before", async () => "done");
  try {
    const runs = await context.step(
      "fatal",
      async () => {
        const runs = note(event, "run");
        if (runs === 1) {
          await gate(event, "die");
          die();
        }
        return runs;
      },
      config,
    );
    return `run ${runs}`;
  } catch {
    return "interrupted";
  }
}

scenarios({
  step: (event, context) => context.step("only", async () => event.value),

  "step-without-result": (event, context) => context.step("only", async () => null),

  async "steps-in-a-row"(event, context) {
    const numbered = (number) =>
      context.step(`step ${number}`, async () => {
        note(event, number);
        return number;
      });
    return [await numbered(0), await numbered(1), await numbered(2)];
  },

  "steps-without-names": async (event, context) => [
    await context.step(async () => 1),
    await context.step(async () => 2),
  ],

  "step-retried": (event, context) =>
    context.step(
      "flaky",
      async (step) => {
        const text = `attempt ${attempt(event, step)}`;
        if (text !== "attempt 3") throw new BrokenError(text);
        return text;
      },
      { retryStrategy: THREE_ATTEMPTS },
    ),

  async "step-exhausted"(event, context) {
    try {
      await context.step("broken", breaking(event), { retryStrategy: THREE_ATTEMPTS });
    } catch (error) {
      return error.message;
    }
    return "not reached";
  },

  // A whole block of operations is tried again, after a wait that the SDK makes.
  "block-retried": (event, context) =>
    withRetry(
      context,
      "block",
      async (inner, attempt) => {
        await inner.step(`try ${attempt}`, async () => attempt);
        if (attempt === 1) throw new BrokenError("not this time");
        return `attempt ${attempt}`;
      },
      { retryStrategy: () => ({ shouldRetry: true, delay: PAUSE }) },
    ),

  "step-failing-uncaught": (event, context) => context.step("broken", breaking(event), NO_RETRY),

  "step-with-default-retries": (event, context) => context.step("broken", breaking(event)),

  "step-crash-at-least-once": (event, context) => fatal(event, context, NO_RETRY),

  "step-crash-at-most-once": (event, context) =>
    fatal(event, context, { ...NO_RETRY, semantics: AT_MOST_ONCE }),

  "step-crash-at-most-once-retried": (event, context) =>
    fatal(event, context, {
      retryStrategy: (_, attempts) => ({ shouldRetry: attempts <= 1, delay: SECOND }),
      semantics: AT_MOST_ONCE,
    }),

  // The test kills the process that is noted; the second one finds the gate open.
  async "step-killed"(event, context) {
    await context.step("before", async () => "done");
    const runs = await context.step(
      "work",
      async () => {
        const runs = note(event, process.pid);
        await gate(event, "go");
        return runs;
      },
      NO_RETRY,
    );
    return `run ${runs}`;
  },
});
