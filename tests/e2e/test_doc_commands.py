"""The commands of the README and of docs/sdk do what the pages say, in the order of the pages, on
`perdure dev` as the pages start it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_aws_cli import VERSION_1, VERSION_2
from tests.support.postgres import copy_data_folder
from tests.support.processes import LoggedProcess, clean_environment
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "sdk").glob("*.md"))]
DEFAULT_URL = "http://127.0.0.1:8484"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LONGEST_SECONDS = 120


class Reader:
    """Somebody in a folder who types a page's commands, and may skip none of them."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.folder = folder
        self._text = page.read_text()
        self._commands = iter(self.blocks("sh"))
        self._url = DEFAULT_URL

    def blocks(self, language: str) -> list[str]:
        return [found[2] for found in _BLOCK.finditer(self._text) if found[1] == language]

    def next(self) -> str:
        """The next block of commands, pointed at the service that runs here."""
        return next(self._commands).replace(DEFAULT_URL, self._url)

    def has_read_all(self) -> bool:
        return next(self._commands, None) is None

    def type(self, commands: str) -> str:
        """Run them in a shell, each must succeed; what they print."""
        done = subprocess.run(
            ["/bin/bash", "-euc", commands],
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def look(self, command: str) -> Any:
        return json.loads(self.type(f"perdure {command} --json"))

    @contextmanager
    def dev(self, command: str) -> Iterator[LoggedProcess]:
        """`perdure dev ...`, on a port of its own, while the rest is typed."""
        words = command.split()
        assert words[0].endswith("perdure")
        assert words[1] == "dev"
        process = LoggedProcess([BIN / "perdure", *words[1:]], self.folder / "dev.log")
        try:
            process.start("--port", "0")
            process.until(lambda: "curl" in process.output)
            found = re.search(r"export AWS_ENDPOINT_URL_LAMBDA=(\S+)", process.output)
            assert found is not None
            self._url = found[1]
            yield process
        finally:
            process.stop()

    @contextmanager
    def following(self, command: str) -> Iterator[LoggedProcess]:
        """One that runs until somebody ends it."""
        process = LoggedProcess(
            ["/bin/bash", "-c", f"exec {command}"], self.folder / "follow.log", self.environment
        )
        process.start()
        try:
            yield process
        finally:
            process.kill()

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(BIN), str(VERSION_1.parent), os.environ["PATH"]])
        return clean_environment(
            {
                "PATH": path,
                "PERDURE_URL": self._url,
                "AWS_ENDPOINT_URL_LAMBDA": self._url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "dev",
                "AWS_SECRET_ACCESS_KEY": "dev",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_PAGER": "",
                "PYTHONPATH": "",
            }
        )


@pytest.fixture
def folder(stopped_data_folder: Path, tmp_path: Path) -> Path:
    """With state that saves the first start its initdb."""
    (tmp_path / ".perdure").mkdir()
    copy_data_folder(stopped_data_folder, tmp_path / ".perdure" / "postgres")
    return tmp_path


def test_the_tutorial(folder: Path) -> None:
    reader = Reader(ROOT / "docs" / "sdk" / "tutorial.md", folder)
    handler, tests, more_tests = reader.blocks("python")
    (folder / "order.py").write_text(handler)
    (folder / "test_order.py").write_text(f"from order import handler\n{tests}{more_tests}")
    reader.type("python -m pytest -q -p no:cacheprovider test_order.py")

    (folder / "order.py").write_text(handler.replace("from_hours(1)", "from_seconds(1)"))
    with reader.dev(reader.next()):
        assert reader.type(reader.next()).startswith("arn:aws:lambda:")
        eventually(lambda: _callback_id(reader), 30)
        listed = reader.type(reader.next())
        assert "lamp-1" in listed
        assert _callback_id(reader) in listed
        ended = reader.type(reader.next().replace("CALLBACK_ID", _callback_id(reader)))
        assert "ExecutionSucceeded" in ended
        shown = reader.look("executions show order/lamp-1")
        assert shown["result"]["status"] == "shipped"
    assert reader.has_read_all()


def _callback_id(reader: Reader) -> str:
    shown = reader.look("executions show order/lamp-1")
    ids = [operation["callback_id"] for operation in shown["operations"]]
    return next((id_ for id_ in ids if id_), "")


@pytest.mark.aws_cli
def test_versioning(folder: Path) -> None:
    reader = Reader(ROOT / "docs" / "sdk" / "versioning.md", folder)
    (handler, *_) = Reader(ROOT / "docs" / "sdk" / "tutorial.md", folder).blocks("python")
    (folder / "order.py").write_text(handler)
    with reader.dev("perdure dev order.py"):
        reader.type(reader.next())
        (folder / "order.py").write_text(f"{handler}\n# changed\n")
        reader.type(reader.next())
        assert [alias["version"] for alias in reader.look("versions order")["aliases"]] == ["2"]
        (folder / "order.py").write_text(f"{handler}\n# changed again\n")
        reader.type(reader.next())
        assert [alias["version"] for alias in reader.look("versions order")["aliases"]] == ["3"]
        shown = reader.look("executions show order/lamp-1")
        assert (shown["version"], shown["status"]) == ("1", "RUNNING")
    assert reader.has_read_all()


@pytest.mark.aws_cli
def test_the_readme(folder: Path) -> None:
    reader = Reader(ROOT / "README.md", folder)
    shutil.copytree(ROOT / "examples", folder / "examples")
    event = folder / "examples" / "order" / "event.json"
    event.write_text(json.dumps(json.loads(event.read_text()) | {"waitSeconds": 1}))
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(BIN)

    make = reader.next()
    assert re.findall(r"^make (\w+)", make, re.MULTILINE) == ["demo", "test"]
    with reader.dev(reader.next()):
        assert "SUCCEEDED" in reader.type(reader.next())
        reader.type(reader.next())  # the AWS CLI
        assert json.loads((folder / "out.json").read_text())["status"] == "completed"
        assert json.loads(reader.type(reader.next()))["status"] == "completed"

        deployed = reader.next().splitlines()
        ending = [line for line in deployed if "--follow" not in line]
        assert "o-1" in reader.type("\n".join(ending))
        followers = [line for line in deployed if "--follow" in line]
        assert len(followers) == 2
        for line in followers:
            with reader.following(line.replace("aws logs", f"{VERSION_2} logs")) as follower:
                follower.until(lambda follower=follower: "Confirming order o-1" in follower.output)  # type: ignore[misc]
    assert reader.has_read_all()


def test_the_demo_leads_an_order_to_its_end(folder: Path) -> None:
    reader = Reader(ROOT / "README.md", folder)
    demo = ROOT / "examples" / "order" / "demo.py"
    told = reader.type(f"python {demo} --data .perdure --wait-seconds 1")
    (shown,) = reader.blocks("console")
    for line in ("operation", "confirm", "ExecutionSucceeded", "result", "nothing is left running"):
        assert line in told
        assert line in shown


def test_no_page_has_commands_that_nobody_runs() -> None:
    run_above = {"README.md", "tutorial.md", "versioning.md"}
    assert {page.name for page in PAGES if Reader(page, ROOT).blocks("sh")} == run_above


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        named = set(re.findall(r"`make (\w+)", page.read_text()))
        named |= set(re.findall(r"^make (\w+)", page.read_text(), re.MULTILINE))
        assert named
        assert named <= targets
