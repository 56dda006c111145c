"""The file that tells a container's health check whether the worker is known."""

from __future__ import annotations

import os
from pathlib import Path

from perdure.worker.health import HealthFile


def test_a_file_left_by_a_killed_worker_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "registered"
    file.touch()
    HealthFile(file, print)
    assert not file.exists()


def test_each_touch_makes_it_new_and_it_goes_with_the_worker(tmp_path: Path) -> None:
    file = tmp_path / "registered"
    health = HealthFile(file, print)
    health.touch()
    os.utime(file, (0, 0))
    health.touch()
    assert file.stat().st_mtime > 0
    health.remove()
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    health = HealthFile(tmp_path / "missing" / "registered", said.append)
    health.touch()
    health.touch()
    assert len(said) == 1
    assert "missing" in said[0]


def test_without_a_path_nothing_happens() -> None:
    health = HealthFile(None, print)
    health.touch()
    health.remove()
