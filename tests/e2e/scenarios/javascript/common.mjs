// What the handlers of all areas share: their list, and how they talk to the test.
//
// A handler is told `folder`, a folder of its own run. It notes there what it does, and waits there
// for what the test allows. Runs under every 2.x of the SDK.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** Long enough for an invocation to end before its wait does, on a busy machine too. */
export const PAUSE = { seconds: 2 };

const GATE_MILLISECONDS = 30_000;

export const SCENARIOS = {};

/** What the service sent for the running invocation, before the SDK made an event of it. */
export const INVOCATION = {};

/** What goes wrong in scenarios, under the same name in every language. */
export class BrokenError extends Error {
  name = "BrokenError";
}

/** The handlers of these scenarios, by their names. */
export const scenarios = (handlers) => Object.assign(SCENARIOS, handlers);

/** Append a line to the notes; how many there are now. */
export function note(event, text) {
  const notes = `${event.folder}/notes`;
  appendFileSync(notes, `${text}\n`);
  return readFileSync(notes, "utf8").trimEnd().split("\n").length;
}

/** Wait until the test opens this gate. */
export async function gate(event, name) {
  const limit = performance.now() + GATE_MILLISECONDS;
  while (!existsSync(`${event.folder}/${name}`)) {
    if (performance.now() > limit) throw new Error(`the gate '${name}' stays closed`);
    await setTimeout(10);
  }
}

export const sleep = (seconds) => setTimeout(1000 * seconds);

/** As a crash of the interpreter: nothing is cleaned up. */
export function die() {
  process.reallyExit(7);
}
