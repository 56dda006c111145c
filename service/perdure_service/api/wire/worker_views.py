"""Workers in a form for people."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from perdure_service.api.wire.times import iso
from perdure_service.ports.worker_register import RegisteredWorker


class PoolView(BaseModel):
    """A runtime that a worker runs deployed functions with."""

    model_config = ConfigDict(frozen=True)

    runtime: str
    interpreter: str


class WorkerView(BaseModel):
    """A worker that lives. `functions` are those that it serves by name, from a folder of its own;
    `running` is the number of invocations that it has."""

    model_config = ConfigDict(frozen=True)

    id: str
    host: str
    pid: int
    registered_at: str
    seen_at: str
    functions: list[str]
    pools: list[PoolView]
    pool_concurrency: int
    running: int


class WorkerViews(BaseModel):
    model_config = ConfigDict(frozen=True)

    workers: list[WorkerView]


def worker_views(workers: Sequence[RegisteredWorker]) -> WorkerViews:
    return WorkerViews(workers=[_view(worker) for worker in workers])


def _view(worker: RegisteredWorker) -> WorkerView:
    card = worker.card
    return WorkerView(
        id=card.id,
        host=card.host,
        pid=card.pid,
        registered_at=iso(worker.registered_at),
        seen_at=iso(worker.seen_at),
        functions=list(card.function_names),
        pools=[PoolView(runtime=pool.runtime, interpreter=pool.interpreter) for pool in card.pools],
        pool_concurrency=card.pool_concurrency,
        running=worker.running,
    )
