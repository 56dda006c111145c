"""What a runtime process is started as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perdure.worker.invocation import Deployment
from perdure.worker.logging_config import DEFAULT, LoggingConfig
from perdure.worker.runtime import Runtime


@dataclass(frozen=True, slots=True)
class LiveFolder:
    """A folder that is edited; each generation is other code."""

    path: Path
    generation: int


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """All that tells one runtime process from another: equal plans can share one.

    `code` is a live folder, or the hash of code that is fetched. `init_seconds` is how long the
    handler may take to load. `deployed` is None for code under development, which runs in the
    agent's own environment.
    """

    function_name: str
    version: str
    runtime: Runtime
    handler: str
    code: LiveFolder | str
    region: str
    memory_mb: int
    init_seconds: float
    logging: LoggingConfig = DEFAULT
    deployed: Deployment | None = None

    @property
    def is_live(self) -> bool:
        return isinstance(self.code, LiveFolder)
