"""An agent: a model that thinks, tools that act, and a log that remembers both.

Every answer of the model and of a tool is kept, so after a crash the agent goes on in the middle of
its thoughts: it pays for no thought twice, and no tool that acts runs a second time by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_durable_execution_sdk_python import (
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import StepConfig, StepSemantics
from aws_durable_execution_sdk_python.retries import RetryPresets

MOST_TURNS = 8

Message = dict[str, Any]


def weather(city: str) -> str:
    return {"Paris": "rain", "Rome": "sun"}.get(city, "fog")


def send_mail(to: str, text: str) -> str:
    return f"sent to {to}: {text}"


TOOLS: Mapping[str, Callable[..., str]] = {"weather": weather, "send_mail": send_mail}
ACTING = {"send_mail"}
"""Tools that change the world: an attempt that broke off is an error, not a reason to repeat."""


def model(messages: list[Message]) -> Message:
    """Stands for a language model: put your client here."""
    city, to = messages[0]["city"], messages[0]["to"]
    answers = {message["tool"]: message["result"] for message in messages if "result" in message}
    if "weather" not in answers:
        return {"tool": "weather", "arguments": {"city": city}}
    if "send_mail" not in answers:
        text = "Take an umbrella" if answers["weather"] == "rain" else "No umbrella today"
        return {"tool": "send_mail", "arguments": {"to": to, "text": text}}
    return {"answer": f"{to} knows about the {answers['weather']} in {city}"}


@durable_step
def think(step: StepContext, messages: list[Message]) -> Message:
    step.logger.info("Thinking about %d messages", len(messages))
    return model(messages)


@durable_step
def use(step: StepContext, tool: str, arguments: dict[str, Any]) -> str:
    step.logger.info("Using %s", tool)
    return TOOLS[tool](**arguments)


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    messages: list[Message] = [event]
    for turn in range(1, MOST_TURNS + 1):
        thought = context.step(think(messages), name=f"think {turn}")
        if "answer" in thought:
            return {"answer": thought["answer"], "turns": turn}
        tool = thought["tool"]
        result = context.step(
            use(tool, thought["arguments"]), name=f"{tool} {turn}", config=_care(tool)
        )
        messages = [*messages, {**thought, "result": result}]
    raise RuntimeError(f"No answer after {MOST_TURNS} turns")


def _care(tool: str) -> StepConfig:
    if tool not in ACTING:
        return StepConfig(retry_strategy=RetryPresets.default())
    return StepConfig(
        retry_strategy=RetryPresets.none(), step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY
    )
