"""How a process is started: the command, and what it sees and may have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perdure.worker.bound import bound_to_us
from perdure.worker.confinement import Confinements
from perdure.worker.environment import deployed_environment
from perdure.worker.plan import ChildPlan


@dataclass(frozen=True, slots=True)
class Launch:
    """`users` is the environment beside what all processes get. `memory_mb` None is no limit."""

    command: Sequence[str]
    users: Mapping[str, str]
    memory_mb: int | None


class Launcher:
    """Code under development runs as the agent does, deployed code as its confinement says."""

    def __init__(
        self, agents: Mapping[str, str], passed: Collection[str], confinements: Confinements
    ) -> None:
        self._agents = agents
        self._passed = passed
        self._confinements = confinements

    @contextmanager
    def launch(self, plan: ChildPlan, folder: Path) -> Iterator[Launch]:
        """What the process needs on disk is there within. Raises CannotStart or OSError."""
        if plan.deployed is None:
            command = plan.runtime.command(plan.handler, folder, None)
            yield Launch(bound_to_us(command), self._agents, None)
            return
        command = plan.runtime.command(plan.handler, folder, plan.memory_mb)
        with self._confinements.of_one_child(plan.function_name, plan.memory_mb) as confinement:
            users = deployed_environment(
                self._agents, self._passed, plan.deployed, str(confinement.home)
            )
            wrapped = confinement.wrap(command, folder)
            yield Launch(bound_to_us(wrapped, confinement.boot_options()), users, plan.memory_mb)

    def close(self) -> None:
        self._confinements.close()
