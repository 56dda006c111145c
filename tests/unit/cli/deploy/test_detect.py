"""What a folder tells of its function."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perdure.cli.deploy.detect import check_handler, choose_runtime, find_handler, function_name
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.worker.handler_spec import Language

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"


def write(folder: Path, name: str, text: str = "def handler(event, context): ...\n") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("file", "handler", "language"),
    [
        ("lambda_function.py", "lambda_function.handler", Language.PYTHON),
        ("app.py", "app.handler", Language.PYTHON),
        ("index.mjs", "index.handler", Language.NODE),
        ("anything.py", "anything.handler", Language.PYTHON),
    ],
)
def test_a_handler_is_found_where_it_usually_is(
    tmp_path: Path, file: str, handler: str, language: Language
) -> None:
    write(tmp_path, file)
    assert find_handler(tmp_path) == (handler, language)
    assert check_handler(tmp_path, handler) is language


def test_a_program_of_its_own_needs_no_handler(tmp_path: Path) -> None:
    write(tmp_path, "bootstrap", "#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o755)
    assert find_handler(tmp_path) == ("bootstrap", None)
    assert choose_runtime(None, []) == "provided.al2023"


def test_a_folder_that_leaves_it_open_is_refused_with_advice(tmp_path: Path) -> None:
    write(tmp_path, "one.py")
    write(tmp_path, "two.py")
    with pytest.raises(CannotDeploy, match="--handler"):
        find_handler(tmp_path)
    write(tmp_path, "app.py", "x = 1\n")
    with pytest.raises(CannotDeploy, match=r"neither 'lambda_handler' nor 'handler'.*--handler"):
        find_handler(tmp_path)
    write(tmp_path, "app.py", "def handler(:\n")
    with pytest.raises(CannotDeploy, match="is not Python"):
        find_handler(tmp_path)


def test_a_handler_that_is_named_must_be_there(tmp_path: Path) -> None:
    write(tmp_path, "app.py")
    write(tmp_path, "src/deep.py")
    assert check_handler(tmp_path, "src/deep.handler") is Language.PYTHON
    assert check_handler(tmp_path, "src.deep.handler") is Language.PYTHON
    for wrong in ("other.handler", "app.other", "handler", ""):
        with pytest.raises(CannotDeploy):
            check_handler(tmp_path, wrong)


def test_the_runtime_is_this_machines_if_workers_offer_it() -> None:
    assert choose_runtime(Language.PYTHON, []) == HERE
    assert choose_runtime(Language.PYTHON, [HERE, "python3.99"]) == HERE
    assert (
        choose_runtime(Language.PYTHON, ["python3.9", "python3.99", "nodejs24.x"]) == "python3.99"
    )
    assert choose_runtime(Language.PYTHON, None) == "python3.13"


def test_the_folders_name_is_the_functions(tmp_path: Path) -> None:
    assert function_name(tmp_path / "order") == "order"
    with pytest.raises(CannotDeploy, match="--name"):
        function_name(tmp_path / "my order")
