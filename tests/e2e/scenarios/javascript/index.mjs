// All scenarios in one function: the event says which one runs.
//
// One function means that one runtime process serves them, for as long as one is enough.
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { SCENARIOS } from "./common.mjs";
import "./batches.mjs";
import "./callbacks.mjs";
import "./contexts.mjs";
import "./executions.mjs";
import "./invokes.mjs";
import "./promises.mjs";
import "./steps.mjs";
import "./waits.mjs";

export const handler = withDurableExecution((event, context) =>
  SCENARIOS[event.scenario](event, context),
);
