"""How handlers are named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.worker.handler_error import HandlerSpecError
from perdure.worker.handler_spec import (
    HandlerSpec,
    Language,
    parse_handler_spec,
    parse_handler_specs,
)

HANDLER = "def handler(event, context):\n    return event\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str = HANDLER) -> Path:
    file = Path(path).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_file_gives_its_stem_as_the_name() -> None:
    file = write("orders/billing.py")
    spec = parse_handler_spec("orders/billing.py")
    assert spec == HandlerSpec("billing", file, "handler")
    assert spec.handler == "billing.handler"
    assert spec.folder == file.parent


@pytest.mark.parametrize("stem", ["lambda_function", "index", "app", "main", "handler"])
def test_a_file_with_a_general_name_gives_its_folder_as_the_name(stem: str) -> None:
    write(f"orders/{stem}.py")
    assert parse_handler_spec(f"orders/{stem}.py").name == "orders"


def test_the_folder_counts_when_the_path_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write("orders/app.py").parent)
    assert parse_handler_spec("app.py").name == "orders"


def test_a_name_and_an_attribute_may_be_given() -> None:
    file = write("a folder/jobs.py", "def nightly(event, context): ...\n")
    spec = parse_handler_spec("night-job_1=a folder/jobs.py:nightly")
    assert spec == HandlerSpec("night-job_1", file, "nightly")


def test_an_equals_sign_in_a_folder_is_part_of_the_path() -> None:
    write("run=1/billing.py")
    assert parse_handler_spec("./run=1/billing.py").name == "billing"


def test_a_colon_in_a_folder_is_part_of_the_path() -> None:
    write("12:30/billing.py")
    assert parse_handler_spec("12:30/billing.py").attribute == "handler"


def test_lambda_handler_goes_before_handler() -> None:
    write("billing.py", f"{HANDLER}\nlambda_handler = handler\n")
    assert parse_handler_spec("billing.py").attribute == "lambda_handler"


@pytest.mark.parametrize(
    "text",
    [
        "async def handler(event, context): ...",
        "class handler: ...",
        "handler = print",
        "handler: object = print",
        "other, handler = 1, print",
        "from somewhere import handler",
        "from somewhere import something as handler",
        "import somewhere as handler",
        "if True:\n    handler = 1\nelse:\n    pass",
        "try:\n    import x\nexcept ImportError:\n    handler = None",
        "with open('x') as file:\n    handler = file",
    ],
)
def test_every_way_to_bind_a_name_is_found_without_running_the_file(text: str) -> None:
    write("billing.py", f"{text}\nraise SystemExit('this must not run')\n")
    assert parse_handler_spec("billing.py").attribute == "handler"


def test_a_star_import_may_bring_any_name() -> None:
    write("billing.py", "from handlers import *\n")
    assert parse_handler_spec("billing.py:process").attribute == "process"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing.py", "no file 'missing.py'"),
        ("billing.txt", "not a Python or JavaScript file"),
        ("folder.py", "no file"),
        ("billing.py:nothing", "defines no 'nothing'. It defines handler"),
        ("billing.py:not a name", "not the name of a Python function"),
        ("two.dots.py", "dot in its name"),
        ("broken.py", r"broken.py, line 1 is not Python"),
        ("empty.py", "defines neither 'lambda_handler' nor 'handler'"),
        ("bad name=billing.py", "'bad name' cannot be a function's name"),
        ("=billing.py", "'' cannot be a function's name"),
        (f"{'a' * 65}=billing.py", "1 to 64 letters"),
        ("with space/app.py", "NAME=with space/app.py"),
    ],
)
def test_what_cannot_be_served_is_refused_with_advice(text: str, message: str) -> None:
    write("billing.py")
    write("two.dots.py")
    write("broken.py", "def handler(:\n")
    write("empty.py", "import os as _os\n")
    write("with space/app.py")
    Path("folder.py").mkdir()
    with pytest.raises(HandlerSpecError, match=message):
        parse_handler_spec(text)


def test_two_functions_of_one_name_are_refused() -> None:
    write("a/app.py")
    write("b/a.py")
    with pytest.raises(HandlerSpecError, match="Two functions would be called 'a'"):
        parse_handler_specs(["a/app.py", "b/a.py"])
    names = [spec.name for spec in parse_handler_specs(["a/app.py", "other=b/a.py"])]
    assert names == ["a", "other"]


@pytest.mark.parametrize("suffix", [".mjs", ".js", ".cjs"])
def test_a_javascript_file_is_served_by_its_handler_export(suffix: str) -> None:
    file = write(f"orders/index{suffix}", "not looked into")
    spec = parse_handler_spec(f"orders/index{suffix}")
    assert spec == HandlerSpec("orders", file, "handler")
    assert (spec.language, spec.handler) == (Language.NODE, "index.handler")
    assert parse_handler_spec(f"orders/index{suffix}:api.$main").handler == "index.api.$main"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index.mjs:not a name", "not the name of a JavaScript export"),
        ("index.mjs", "would load index.js instead of index.mjs"),
        ("folder.js", "would load folder instead of folder.js"),
        ("index.ts", "not a Python or JavaScript file"),
    ],
)
def test_a_javascript_file_that_would_not_be_loaded_is_refused(text: str, message: str) -> None:
    for path in ("index.mjs", "index.js", "folder.js", "folder/index.js"):
        write(path, "exports.handler = 1;")
    with pytest.raises(HandlerSpecError, match=message):
        parse_handler_spec(text)
