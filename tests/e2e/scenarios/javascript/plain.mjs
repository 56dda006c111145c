// A plain function: what it answers shows what it was given.
import { setTimeout } from "node:timers/promises";

class BrokenError extends Error {
  name = "BrokenError";
}

export const handler = async (event, context) => {
  switch (event?.do) {
    case "fail":
      throw new BrokenError("in the plain one");
    case "die":
      return process.reallyExit(7);
    case "sleep":
      return setTimeout(60_000);
    case "large":
      return "x".repeat(1_048_576);
    default:
      return { got: event, tenant: context.tenantId ?? null };
  }
};
