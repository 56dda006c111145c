// What the SDK's versions do not share.

let logging;

const logger = {
  configureDurableLoggingContext: (context) => (logging = context),
  ...Object.fromEntries(["debug", "info", "warn", "error", "log"].map((level) => [level, () => {}])),
};

/** A context through whose logger `attemptOf` finds out. */
export function knowing(context) {
  context.configureLogger({ customLogger: logger });
  return context;
}

/** The number of a step's attempt. Before 2.1 only the log knows it. */
export const attemptOf = (step) => step.attempt ?? logging.getDurableLogData().attempt;
