from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.worker.presence import Presence

_LIVE = """
import sys
from pathlib import Path
from perdure.worker.presence import Presence

Presence(Path(sys.argv[1]), sys.argv[2], "victim", print).open()
print("alive", flush=True)
sys.stdin.read()
"""


def presence(folder: Path, worker_id: str, service: str = "http://here") -> Presence:
    opened = Presence(folder, service, worker_id, print)
    opened.open()
    return opened


@contextmanager
def victim(folder: Path, service: str = "http://here") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _LIVE, str(folder), service],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alive\n"
        yield process
        process.kill()


def test_the_living_are_not_dead(tmp_path: Path) -> None:
    one = presence(tmp_path, "one")
    with victim(tmp_path):
        assert one.dead() == []
    one.close()


def test_a_killed_worker_is_found_dead_until_it_is_buried(tmp_path: Path) -> None:
    one = presence(tmp_path, "one")
    with victim(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert one.dead() == ["victim"]
        one.bury(["victim"])
        assert one.dead() == []
    one.close()


def test_the_dead_of_another_service_are_left_alone(tmp_path: Path) -> None:
    one = presence(tmp_path, "one")
    with victim(tmp_path, "http://elsewhere") as process:
        process.kill()
        process.wait()
    assert one.dead() == []
    one.close()


def test_who_ends_in_peace_leaves_nothing_behind(tmp_path: Path) -> None:
    presence(tmp_path, "one").close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_presence_is_passed_over(tmp_path: Path) -> None:
    one = presence(tmp_path, "one")
    (tmp_path / "other").write_text("no JSON")
    (tmp_path / "folder").mkdir()
    assert one.dead() == []
    with victim(tmp_path) as process:
        process.kill()
        process.wait()
        assert one.dead() == ["victim"]
    one.close()


def test_a_folder_that_cannot_be_made_is_said_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    one = Presence(tmp_path / "file", "http://here", "one", said.append)
    one.open()
    assert one.dead() == []
    one.close()
    assert "will wait for its lease" in said[0]
