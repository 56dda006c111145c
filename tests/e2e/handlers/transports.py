"""One workflow under Lambda's runtime client, over each way to the service. The functions are plain
ones around durable ones, so that no worker takes them into a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3

from perdure import AsyncDurableContext, DurableContext, durable_execution
from perdure.config import Duration


def _work(event: dict[str, Any], context: DurableContext) -> Any:
    first = context.step(lambda step: step.attempt, name="first")
    context.wait(Duration.from_seconds(1), name="pause")
    large = [context.step(lambda _: "x" * 1_000_000, name=f"large {n}") for n in range(6)]
    context.wait(Duration.from_seconds(1), name="another pause")
    return [first, len("".join(large)), event, str(context.now())]


_over_boto3 = durable_execution(boto3_client=boto3.client("lambda"))(_work)
_over_our_own = durable_execution(_work)


@durable_execution
async def _coroutine(event: dict[str, Any], context: AsyncDurableContext) -> Any:
    one, two, _ = await asyncio.gather(
        context.step(lambda _: 1, name="one"),
        context.step(lambda _: 2, name="two"),
        context.wait(Duration.from_seconds(1), name="pause"),
    )
    return [one, two, event]


def over_boto3(event: Any, context: Any) -> Any:
    return _over_boto3(event, context)


def over_our_own(event: Any, context: Any) -> Any:
    return _over_our_own(event, context)


def coroutine(event: Any, context: Any) -> Any:
    return _coroutine(event, context)
