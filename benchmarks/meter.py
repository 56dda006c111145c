"""What a stretch of time cost: CPU seconds of each process, and how busy the machine was."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psutil

from benchmarks.figures import Figures


class Meter:
    """`with Meter({"service": pid}) as meter: ...`, then `meter.figures`.

    A process counts with its children, those that have ended too. `other_cores` is how many cores
    somebody else kept busy meanwhile, and `python_ms` what a fixed piece of Python took just
    before: figures of a busy or throttled machine are worth less.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self.figures: Figures = {}

    def __enter__(self) -> Self:
        self._python_ms = 1e3 * min(_python_seconds() for _ in range(3))
        self._load = os.getloadavg()[0]
        self._cpu = self._read_cpu()
        self._ours = time.process_time()
        self._machine = _machine_seconds()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wall = time.perf_counter() - self._began
        spent = {name: now - self._cpu[name] for name, now in self._read_cpu().items()}
        known = sum(spent.values()) + time.process_time() - self._ours
        self.figures = {
            **{f"{name}_cpu_s": seconds for name, seconds in spent.items()},
            "wall_s": wall,
            "load_before": self._load,
            "load_after": os.getloadavg()[0],
            "python_ms": self._python_ms,
            "other_cores": max(0.0, (_machine_seconds() - self._machine - known) / wall),
        }

    def _read_cpu(self) -> dict[str, float]:
        return {name: _tree_seconds(process) for name, process in self._processes.items()}


def _python_seconds() -> float:
    began = time.process_time()
    numbers: dict[int, str] = {}
    for number in range(50_000):
        numbers[number & 1_023] = str(number)
    return time.process_time() - began


def _tree_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        try:
            of_child = child.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its parent counts it from now on
        seconds += of_child.user + of_child.system
    return seconds


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    busy: float = times.user + times.nice + times.system + times.irq + times.softirq
    return busy
