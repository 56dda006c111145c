// All scenarios in one function: the event says which one runs.
//
// One function means that one runtime process serves them, for as long as one is enough.
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { INVOCATION, SCENARIOS } from "./common.mjs";
import "./batches.mjs";
import "./callbacks.mjs";
import "./contexts.mjs";
import "./executions.mjs";
import "./invokes.mjs";
import "./pauses.mjs";
import "./promises.mjs";
import "./steps.mjs";
import "./waits.mjs";

const run = withDurableExecution((event, context) => SCENARIOS[event.scenario](event, context));

export function handler(event, context) {
  Object.assign(INVOCATION, event);
  return run(event, context);
}
