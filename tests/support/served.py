"""The same handler in each language, for tests that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.worker.python_runtime import PythonRuntime
from perdure.worker.runtime import Runtime
from tests.support.javascript import installed_node_runtime

PYTHON: Final = """
import os, signal, time
from pathlib import Path


def handler(event, context):
    match event:
        case {"raise": text}:
            raise RuntimeError(text)
        case {"exit": status}:
            os._exit(status)
        case {"kill": True}:
            os.kill(os.getpid(), signal.SIGKILL)
        case {"started": started, "until": until}:
            Path(started).touch()
            while not Path(until).exists():
                time.sleep(0.005)
    return {
        "event": event,
        "pid": os.getpid(),
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "milliseconds": context.get_remaining_time_in_millis(),
        "function": [context.function_name, context.function_version],
    }
"""
JAVASCRIPT: Final = """
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

class RuntimeError extends Error {
  name = "RuntimeError";
}

export const handler = async (event, context) => {
  if (event.raise) throw new RuntimeError(event.raise);
  if (event.exit !== undefined) process.exit(event.exit);
  if (event.kill) process.kill(process.pid, "SIGKILL");
  if (event.started) {
    writeFileSync(event.started, "");
    while (!existsSync(event.until)) await setTimeout(5);
  }
  return {
    event,
    pid: process.pid,
    id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    milliseconds: context.getRemainingTimeInMillis(),
    function: [context.functionName, context.functionVersion],
  };
};
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A handler's file, what runs it, and how `perdure worker` is told."""

    file: Path
    runtime: Runtime
    options: tuple[str, ...] = ()

    def rewrite(self, text: str) -> None:
        self.file.write_text(text)


def python_function(folder: Path) -> Served:
    folder.mkdir()
    served = Served(folder / "app.py", PythonRuntime())
    served.rewrite(PYTHON)
    return served


def javascript_function(folder: Path) -> Served:
    """Fails the test if Node.js and AWS's client were not installed."""
    runtime = installed_node_runtime()
    folder.mkdir()
    served = Served(folder / "app.mjs", runtime, ("--node-runtime", str(runtime.client.parents[2])))
    served.rewrite(JAVASCRIPT)
    return served
