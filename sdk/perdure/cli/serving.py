"""Who runs a function: the worker that serves it by name, or the pools of its runtime."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.client import Client, Function, Worker


def find_workers(client: Client) -> tuple[Worker, ...] | None:
    """None where there are none to see: at AWS."""
    return None if client.endpoint.is_aws else client.workers()


def interpreters(function: Function, workers: Sequence[Worker]) -> list[str]:
    """What would run it now, each once, a mismatch told; empty if nobody would."""
    live = [f"live, {one.host}:{one.pid}" for one in workers if function.name in one.functions]
    if live:
        return live
    if function.package_type == "Image":
        return ["push"]
    pools = [pool for one in workers for pool in one.pools if pool.runtime == function.runtime]
    shown = [f"{pool.interpreter}{' (MISMATCH)' if pool.differs else ''}" for pool in pools]
    return list(dict.fromkeys(shown))


def offered_runtimes(workers: Sequence[Worker]) -> list[str]:
    return sorted({pool.runtime for one in workers for pool in one.pools})
