"""Deployed functions: any that the pools can run. Each brings its code and configuration along."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.worker.invocation import Deployment, Invocation
from perdure.worker.offer import PoolOffer
from perdure.worker.places import Places
from perdure.worker.plan import ChildPlan
from perdure.worker.pool import ChildLimits, Pool
from perdure.worker.slots import FunctionSlots
from perdure.worker.workshop import Workshop

_SHORTEST_INIT_SECONDS = 10.0
"""A handler has as long to load as on Lambda, however short the function's timeout is."""


class DeployedFunctions:
    """Those that have work here or had some lately, with their slots."""

    def __init__(self, pools: Sequence[Pool], limits: ChildLimits, workshop: Workshop) -> None:
        self._pools = {pool.runtime.name: pool for pool in pools}
        self._limits = limits
        self._workshop = workshop
        self._places = Places(limits.max_children)
        self.slots: dict[str, FunctionSlots] = {}

    def can_run(self, deployment: Deployment) -> bool:
        return deployment.runtime in self._pools

    def slots_for(self, invocation: Invocation) -> FunctionSlots:
        """The slots of the invocation's function, whose runtime must be one of the pools'."""
        name = invocation.function_name
        if name not in self.slots:
            self._forget_vacant()
            plans = _DeployedFunction(name, self._pools)
            slots = FunctionSlots(plans, self._limits.concurrency, self._workshop, self._places)
            self._places.join(slots)
            self.slots[name] = slots
        return self.slots[name]

    def offer(self) -> PoolOffer:
        # Each invocation may need a process: there are no more slots than places.
        held = {name: slots for name, slots in self.slots.items() if slots.held}
        total = self._limits.max_children - sum(len(slots.held) for slots in held.values())
        return PoolOffer(max(0, total), {name: slots.free for name, slots in held.items()})

    def _forget_vacant(self) -> None:
        for name in [name for name, slots in self.slots.items() if slots.is_vacant]:
            self._places.leave(self.slots.pop(name))


class _DeployedFunction:
    """The plans of one: what the invocation says."""

    warm = None

    def __init__(self, name: str, pools: dict[str, Pool]) -> None:
        self.function_name = name
        self._pools = pools

    def plan_for(self, invocation: Invocation) -> ChildPlan:
        deployment = invocation.deployment
        assert deployment is not None
        assert invocation.code_sha256 is not None
        return ChildPlan(
            function_name=self.function_name,
            version=invocation.version,
            runtime=self._pools[deployment.runtime].runtime,
            handler=invocation.handler or "",
            code=invocation.code_sha256,
            region=invocation.function_arn.split(":")[3],
            memory_mb=invocation.memory_mb,
            init_seconds=max(_SHORTEST_INIT_SECONDS, invocation.timeout_seconds),
            logging=invocation.logging,
            deployed=deployment,
        )
