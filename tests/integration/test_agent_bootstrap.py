"""Deployed functions that bring their own runtime, and users that keep functions apart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.worker.bootstrap_runtime import BootstrapRuntime
from perdure.worker.confinement import Isolation, IsolationUnavailable, find_confinements
from perdure.worker.pool import Pool
from perdure.worker.scratch import ScratchFolders
from tests.support.agent import agent_of
from tests.support.bootstraps import JAVA, PYTHON, SHELL
from tests.support.code import zip_of
from tests.support.processes import clean_environment
from tests.support.worker_service import WorkerService

NAME = "provided.al2023"
CODE = Path("/var/cache/perdure/code/of-a-function")
POOL = Pool(BootstrapRuntime(NAME), "the function's bootstrap")


async def run(
    service: WorkerService, folder: Path, content: bytes, event: Any = None, **configuration: Any
) -> Any:
    deployed = service.deploy(content, NAME, Handler="the.handler", **configuration)
    async with agent_of(service, [], folder, concurrency=2, pools=[POOL]):
        return await service.call("order", event, **deployed)


async def test_a_bootstrap_in_python_answers(service: WorkerService, tmp_path: Path) -> None:
    answer = (await run(service, tmp_path, zip_of({"bootstrap": PYTHON}), {"a": "é"})).json
    assert answer["event"] == {"a": "é"}
    assert (answer["handler"], answer["memory"]) == ("the.handler", "256")
    assert answer["root"] == answer["here"]


async def test_a_bootstrap_in_the_shell_answers(service: WorkerService, tmp_path: Path) -> None:
    code = zip_of({"bootstrap": SHELL, "greeting": '"hello"'})
    environment = {"ANSWER": 'echo "[$(cat greeting),$EVENT]"'}
    result = await run(service, tmp_path, code, {"a": 1}, Environment=environment)
    assert result.json == ["hello", {"a": 1}]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other": "x"}, "Couldn't find valid bootstrap(s): ["),
        ({"bootstrap/x": "x"}, "Couldn't find valid bootstrap(s): ["),
        ({"bootstrap": "no program"}, "/bootstrap: exec format error"),
        ({"bootstrap": "#!/nowhere/interpreter\n"}, "/bootstrap: no such file or directory"),
    ],
)
async def test_code_without_a_bootstrap_is_told(
    service: WorkerService, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    result = await run(service, tmp_path, zip_of(files))
    assert result.outcome == "init-error"
    assert result.json["errorType"] == "Runtime.InvalidEntrypoint"
    assert message in result.json["errorMessage"]


async def test_a_bootstrap_that_ends_at_once_is_told(
    service: WorkerService, tmp_path: Path
) -> None:
    result = await run(service, tmp_path, zip_of({"bootstrap": "#!/bin/sh\nexit 3\n"}))
    assert result.json["errorType"] == "Runtime.ExitError"
    assert result.json["errorMessage"].endswith("exit status 3")


async def test_one_program_can_run_the_functions_of_another_runtime(
    service: WorkerService, tmp_path: Path
) -> None:
    program = tmp_path / "java-bootstrap"
    program.write_text(PYTHON)
    program.chmod(0o755)
    deployed = service.deploy(zip_of({"app.jar": "x"}), "java21", Handler="app.Handler::run")
    pool = Pool(BootstrapRuntime("java21", program), str(program))
    async with agent_of(service, [], tmp_path, concurrency=2, pools=[pool]):
        answer = (await service.call("order", 1, **deployed)).json
    assert (answer["event"], answer["handler"]) == (1, "app.Handler::run")


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK, of 11 or later")
async def test_java_runs_by_a_bootstrap_for_all_its_functions(
    service: WorkerService, tmp_path: Path
) -> None:
    program = tmp_path / "java-bootstrap"
    program.write_text('#!/bin/sh\nexec java "$LAMBDA_TASK_ROOT/Function.java"\n')
    program.chmod(0o755)
    code = zip_of({"Function.java": JAVA})
    deployed = service.deploy(code, "java21", Handler="app.Handler", MemorySize=512)
    pool = Pool(BootstrapRuntime("java21", program), str(program))
    async with agent_of(service, [], tmp_path, concurrency=2, pools=[pool]):
        event, handler, version = (
            await service.call("order", {"a": 1}, timeout_seconds=60, **deployed)
        ).json
    assert (event, handler) == ({"a": 1}, "app.Handler")
    assert version >= 11


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


WHO = r"""
printf '{"ids": "%s", "home": "%s", "code": "%s"}' \
    "$(id -u):$(id -g):$(id -G)" "$(stat -c %u:%a "$HOME")" "$(touch new 2>&1 || true)"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_each_function_runs_as_a_user_of_its_own(
    service: WorkerService, open_folder: Path
) -> None:
    users = range(310_000, 310_002)
    confinements = find_confinements(Isolation.USER, users, [], open_folder / "cache" / "code")
    deployed = service.deploy(zip_of({"bootstrap": SHELL}), NAME, Environment={"ANSWER": WHO})
    async with agent_of(
        service, [], open_folder, concurrency=2, pools=[POOL], confinements=confinements
    ):
        seen = [(await service.call(name, 1, **deployed)).json for name in ("one", "two", "one")]
        late = await service.call("three", 1, **deployed)
    one, two = "310000:310000:310000", "310001:310001:310001"
    assert [s["ids"] for s in seen] == [one, two, one]
    assert [s["home"] for s in seen] == ["310000:700", "310001:700", "310000:700"]
    assert all("Permission denied" in s["code"] for s in seen)
    assert late.json["errorType"] == "Runtime.StartFailed"
    assert "--users" in late.json["errorMessage"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_users_cannot_reach_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    code = closed / "cache" / "code"
    with pytest.raises(IsolationUnavailable, match="Other users cannot enter"):
        find_confinements(Isolation.USER, range(1, 2), [], code)
    assert "cannot enter" in find_confinements(Isolation.AUTO, range(1, 2), [], code).shown


def test_what_a_killed_worker_left_behind_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import os, sys\n"
        "from perdure.worker.scratch import ScratchFolders\n"
        "with ScratchFolders().folder(None) as folder:\n"
        "    print(folder, flush=True)\n"
        "    if sys.argv[1] == 'wait': sys.stdin.read()\n"
        "    os._exit(9)\n"
    )
    environment = clean_environment({"TMPDIR": str(tmp_path)})
    command = [sys.executable, "-c", program]
    subprocess.run([*command, "die"], env=environment, check=False, stdout=subprocess.DEVNULL)
    (left,) = tmp_path.iterdir()
    with subprocess.Popen(
        [*command, "wait"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        assert living.stdout is not None
        kept = Path(living.stdout.readline().decode().strip()).parent
        scratch = ScratchFolders()
        with scratch.folder(None) as folder:
            assert {*tmp_path.iterdir()} == {kept, folder.parent}
        scratch.close()
        assert not left.exists()
        assert [*tmp_path.iterdir()] == [kept]


def test_users_need_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(IsolationUnavailable, match="Only root"):
        find_confinements(Isolation.USER, range(1, 2), [], CODE)
    assert "the worker's own user" in find_confinements(Isolation.AUTO, range(1, 2), [], CODE).shown


@pytest.fixture(scope="module")
def bubblewrap() -> None:
    """Skips where there is none, or the kernel does not let it make namespaces."""
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap, Debian's package of that name")
    probe = ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"]
    tried = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
    if tried.returncode:
        pytest.skip(f"bubblewrap may not make namespaces here: {tried.stderr.strip()}")


@pytest.mark.usefixtures("bubblewrap")
async def test_bubblewrap_hides_other_processes_and_keeps_the_disk_as_it_is(
    service: WorkerService, open_folder: Path
) -> None:
    code = open_folder / "cache" / "code"
    confinements = find_confinements(Isolation.BWRAP, range(310_000, 310_010), [], code)
    answer = r"""
    printf '["%s", "%s", "%s", "%s"]' "$(ls -d /proc/[0-9]* | wc -l)" "$PWD" \
        "$(touch /usr/new 2>&1 || true)" "$(touch /tmp/new "$HOME/new" && ls -p /tmp | grep -v /)"
    """
    deployed = service.deploy(zip_of({"bootstrap": SHELL}), NAME, Environment={"ANSWER": answer})
    async with agent_of(
        service, [], open_folder, concurrency=2, pools=[POOL], confinements=confinements
    ):
        processes, folder, written, files = (await service.call("order", 1, **deployed)).json
    assert int(processes) < 10
    reports = [line for batch in service.log_batches for line in str(batch).split("\\t")]
    (used,) = [int(part.split()[-2]) for part in reports if part.startswith("Max Memory Used")]
    assert used > 2  # of the shell, not of bwrap around it
    assert Path(folder).name == deployed["CodeSha256"]
    assert "Read-only file system" in written
    assert files == "new"


@pytest.mark.usefixtures("bubblewrap")
async def test_bubblewrap_does_not_hide_a_program_that_lies_below_tmp(
    service: WorkerService, open_folder: Path
) -> None:
    program = open_folder / "bootstrap"
    program.write_text(SHELL)
    program.chmod(0o755)
    code = open_folder / "cache" / "code"
    confinements = find_confinements(Isolation.BWRAP, range(310_000, 310_010), [program], code)
    answer = 'touch "$HOME/new" && printf \'"%s"\' "$HOME"'
    deployed = service.deploy(zip_of({"x": ""}), "java21", Environment={"ANSWER": answer})
    pool = Pool(BootstrapRuntime("java21", program), "")
    async with agent_of(
        service, [], open_folder, concurrency=2, pools=[pool], confinements=confinements
    ):
        home = (await service.call("order", 1, **deployed)).json
    assert Path(home).name.startswith("run-")


def test_bubblewrap_that_does_not_work_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho no namespaces >&2; exit 1\n")
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(IsolationUnavailable, match=r"does not work here \(no namespaces\)"):
        find_confinements(Isolation.BWRAP, range(1, 2), [], CODE)


def test_bubblewrap_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IsolationUnavailable, match="install bubblewrap"):
        find_confinements(Isolation.BWRAP, range(1, 2), [], CODE)
