"""Pauses, of which a handler knows nothing."""

from __future__ import annotations

from aws_durable_execution_sdk_python import DurableContext

from common import Event, gate, scenario


def _one_callback(event: Event, context: DurableContext) -> str:
    return str(context.create_callback(name="approval").result())


def _two_steps(event: Event, context: DurableContext) -> list[str]:
    """The first waits for the test."""

    def wait(_: object) -> str:
        gate(event, "go")
        return "done"

    return [
        context.step(wait, name="first"),
        context.step(lambda _: "done", name="second"),
    ]


for name in ("pause-while-it-runs", "pause-taken-back"):
    scenario(_two_steps, name)

for name in ("pause-while-it-waits", "stop-while-it-is-paused"):
    scenario(_one_callback, name)
