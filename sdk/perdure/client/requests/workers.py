"""Perdure's workers: Lambda hides its own."""

from __future__ import annotations

from perdure.client.operation import Answer, Operation, Request, Service
from perdure.client.results.workers import Worker, worker


def find() -> Operation[tuple[Worker, ...]]:
    return Operation(Request("GET", "/v1/workers", service=Service.PERDURE), _workers)


def _workers(answer: Answer) -> tuple[Worker, ...]:
    return tuple(map(worker, answer.json()["workers"]))
