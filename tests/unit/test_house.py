"""Rules of the house that no linter knows: what the layers may import, and what the locks hold."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "service" / "perdure_service"
SDK = ROOT / "sdk" / "perdure"


def imported_roots(tree: ast.AST) -> Iterator[str]:
    """The first part of every absolute import below `tree`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str() as module, level=0):
                yield module.partition(".")[0]


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def relative_names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


PURE = [*modules(SERVICE / "domain"), *modules(SERVICE / "ports")]


@pytest.mark.parametrize("path", PURE, ids=relative_names(PURE))
def test_the_domain_and_the_ports_import_the_standard_library_only(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"perdure_service"}
    assert set(imported_roots(ast.parse(path.read_text()))) <= allowed


CORE = modules(SDK / "core")


@pytest.mark.parametrize("path", CORE, ids=relative_names(CORE))
def test_the_replay_core_has_no_clock_no_threads_and_no_input_or_output(path: Path) -> None:
    pure = {
        "__future__", "builtins", "collections", "contextvars", "dataclasses", "hashlib",
        "inspect", "json", "perdure", "typing",
    }  # fmt: skip
    assert set(imported_roots(ast.parse(path.read_text()))) <= pure


def test_the_sdk_imports_the_service_at_the_top_only_in_testing() -> None:
    eager = [
        path
        for path in modules(SDK)
        if "testing" not in path.relative_to(SDK).parts[0]
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        and "perdure_service" in imported_roots(statement)
    ]
    assert relative_names(eager) == []


@pytest.mark.parametrize("package", [SERVICE, SDK], ids=["service", "sdk"])
def test_every_folder_of_modules_is_a_package_that_the_import_rules_see(package: Path) -> None:
    folders = {path.parent for path in modules(package)}
    assert relative_names([f for f in sorted(folders) if not (f / "__init__.py").exists()]) == []


def test_test_folders_have_no_init_file() -> None:
    found = [path for path in (ROOT / "tests").rglob("__init__.py") if _is_ours(path)]
    assert relative_names(sorted(found)) == []


def _is_ours(path: Path) -> bool:
    return "node_modules" not in path.parts


def test_every_direct_dependency_is_pinned_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {requirement_name(line) for line in wanted}
    assert names <= pinned(ROOT / "requirements" / "dev.lock")


LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=[lock.name for lock in LOCKS])
def test_a_lock_names_no_host_and_no_path_of_a_machine(lock: Path) -> None:
    assert re.findall(r"\S*(?://|file:|--index|--find-links)\S*", lock.read_text()) == []


@pytest.mark.parametrize("folder", ["tests/javascript", "benchmarks/peers/restate"])
def test_the_lock_of_npm_names_no_place_to_load_from(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    loaded = {name: package for name, package in lock["packages"].items() if name}
    assert [name for name, package in loaded.items() if "resolved" in package] == []
    assert [name for name, package in loaded.items() if "integrity" not in package] == []


def test_what_ships_is_pinned_as_it_was_tested() -> None:
    tested = pins(ROOT / "requirements" / "dev.lock")
    for name in ("server.lock", "worker.lock"):
        assert pins(ROOT / "requirements" / name) <= tested


def requirement_name(line: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", line)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^[a-z0-9][^\s;]*==[^\s;]+", lock.read_text(), flags=re.MULTILINE))


def pinned(lock: Path) -> set[str]:
    return {requirement_name(pin) for pin in pins(lock)}
