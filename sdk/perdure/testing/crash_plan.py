"""Where an invocation is to die."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Of a checkpoint: BEFORE the service has it, or AFTER, before the function hears of it."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """The `number`-th checkpoint (from 1) that the functions of a test make, all told."""

    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} checkpoint {self.number}"


class CrashPlan:
    """Counts checkpoints, and says which of them are fatal."""

    def __init__(self) -> None:
        self.points: set[CrashPoint] = set()
        self.checkpoints = 0

    def count(self) -> int:
        self.checkpoints += 1
        return self.checkpoints

    def strikes(self, number: int, side: Side) -> bool:
        return CrashPoint(number, side) in self.points
