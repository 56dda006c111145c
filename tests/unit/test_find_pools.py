"""What runs the functions of a pool, and what is said if nothing does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perdure.worker.find_pools import PoolUnavailable, find_pools
from perdure.worker.pool import Pool

OURS = f"python3.{sys.version_info.minor}"
OURS_IN_FULL = ".".join(map(str, sys.version_info[:3]))


def program(file: Path, says: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {says}\n")
    file.chmod(0o755)
    return file


def node_folder(root: Path, version: str) -> Path:
    package = root / "node_modules" / "aws-lambda-ric"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"main": "index.mjs"}')
    (package / "client.node").touch()
    program(root / "node_modules" / ".bin" / "node", version)
    return root


def find(*texts: str, path: Path | None = None, node: Path | None = None) -> tuple[Pool, ...]:
    return find_pools(texts, path=str(path), node_runtime=node)


def shown(pools: tuple[Pool, ...]) -> list[tuple[str, str]]:
    return [(pool.runtime.name, pool.interpreter) for pool in pools]


def test_the_workers_own_python_serves_its_version() -> None:
    (pool,) = find(OURS)
    assert shown((pool,)) == [(OURS, OURS_IN_FULL)]
    assert pool.runtime.command("app.handler", Path("/"), 128)[0] == sys.executable


def test_another_python_is_found_by_its_name_on_path(tmp_path: Path) -> None:
    found = program(tmp_path / "python3.99", "3 99 1 True")
    (pool,) = find("python3.99", path=tmp_path)
    assert shown((pool,)) == [("python3.99", "3.99.1")]
    assert pool.runtime.command("app.handler", Path("/"), 128)[0] == str(found)


def test_several_are_written_with_commas_or_one_by_one(tmp_path: Path) -> None:
    node = node_folder(tmp_path, "v24.1.2")
    pools = find(f"{OURS}, nodejs24.x", "provided.al2023", node=node)
    assert shown(pools) == [
        (OURS, OURS_IN_FULL),
        ("nodejs24.x", "24.1.2"),
        ("provided.al2023", "the function's bootstrap"),
    ]


def test_what_stands_in_for_another_version_is_shown(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python", "3 12 4 True")
    node = node_folder(tmp_path, "v26.0.0")
    pools = find(f"python3.14={python}", f"nodejs24.x={node}", f"python3.12={python}")
    assert shown(pools) == [
        ("python3.14", f"3.12.4, which stands in for it ({python})"),
        ("nodejs24.x", f"26.0.0, which stands in for it ({node})"),
        ("python3.12", "3.12.4"),
    ]


def test_a_node_program_is_run_with_the_client_of_the_runtime_folder(tmp_path: Path) -> None:
    folder = node_folder(tmp_path / "runtime", "v24.0.0")
    node = program(tmp_path / "node", "v22.20.0")
    (pool,) = find(f"nodejs22.x={node}", node=folder)
    command = pool.runtime.command("app.handler", Path("/"), 200)
    assert command[:2] == (str(node), "--max-old-space-size=180")
    assert f"{folder}/node_modules/aws-lambda-ric/index.mjs" in command


def test_any_other_runtime_needs_a_program_of_its_own(tmp_path: Path) -> None:
    bootstrap = program(tmp_path / "bootstrap", "")
    (pool,) = find(f"java21={bootstrap}")
    assert shown((pool,)) == [("java21", str(bootstrap))]
    assert pool.runtime.command("app.Handler", Path("/code"), 512) == (str(bootstrap),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no runtime of Lambda's: write python3.13, nodejs24.x, provided"),
        ("python", "'python' is no runtime"),
        ("python3.98", "There is no python3.98 on PATH. Install it and awslambdaric"),
        ("python3.98=/nowhere/python", "/nowhere/python does not run"),
        (f"{OURS},{OURS}", f"{OURS} is given twice"),
        ("nodejs24.x", "needs? AWS's runtime client"),
        ("provided=/x", "bring their own bootstrap: leave /x out"),
        ("java21", "java21=/path/to/bootstrap"),
        ("java21=/nowhere", "java21: there is no file /nowhere"),
    ],
)
def test_what_cannot_be_offered_is_refused_with_what_to_do(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoolUnavailable, match=message.replace("python3.98 on", r"python3\.98 on")):
        find(text, path=tmp_path)


def test_a_program_of_another_version_than_its_name_must_be_written_out(tmp_path: Path) -> None:
    found = program(tmp_path / "python3.99", "3 12 1 True")
    with pytest.raises(PoolUnavailable, match=f"say so: python3.99={found}"):
        find("python3.99", path=tmp_path)


def test_a_node_of_another_version_is_not_taken_silently(tmp_path: Path) -> None:
    node = node_folder(tmp_path, "v26.0.0")
    with pytest.raises(PoolUnavailable, match=r"need Node.js 24: .* is 26\.0\.0"):
        find("nodejs24.x", node=node, path=tmp_path)
