"""What the commands refuse, and what `perdure dev` tells its user to type."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.cli import app, extras, options
from perdure.cli.dev import DevSettings, banner
from perdure.cli.service_process import ServiceArguments
from perdure.http.connections import ServiceUrl

URL = ServiceUrl.parse("http://127.0.0.1:8484")


@pytest.fixture
def handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "orders" / "app.py"
    file.parent.mkdir()
    file.write_text("def handler(event, context): ...\n")
    monkeypatch.chdir(tmp_path)
    return "orders/app.py"


SERVICE = ("--service", "http://127.0.0.1:1")


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    return " ".join(result.output.split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", ""])  # noqa: S104  the point is its refusal
def test_dev_listens_on_loopback_only(handler: str, host: str) -> None:
    assert "loopback only" in refused("dev", handler, "--host", host)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("dev", "missing.py"), "There is no file 'missing.py'"),
        (("dev", "orders/app.py", "--plain", "other"), "there is: orders"),
        (("dev", "orders/app.py", "--dead-letter", "other=http://here/"), "there is: orders"),
        (("dev", "orders/app.py", "--concurrency", "0"), "--concurrency"),
        (("worker", "orders/app.py", "--service", "localhost:8484"), "http://127.0.0.1:8484"),
        (("worker", "orders/app.py"), "--service"),
        (("worker", *SERVICE), "or a pool: --pool python3.13"),
        (("worker", *SERVICE, "--pool", "cobol"), "'cobol' is no runtime of Lambda's"),
        (("worker", *SERVICE, "--pool", "provided", "--users", "9-1"), "no range of user ids"),
        (("worker", *SERVICE, "--pool", "provided", "--isolation", "jail"), "bwrap"),
        (("dev", "--pool", "python3.98"), "There is no python3.98 on PATH"),
        (("dev", "orders/app.mjs"), "npm install --prefix DIR"),
        (("dev", "orders/app.mjs", "--node-runtime", "."), "JavaScript functions need"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_advice(
    handler: str, arguments: tuple[str, ...], text: str
) -> None:
    Path("orders/app.mjs").touch()
    assert text in refused(*arguments)


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"server": ("perdure_lacks_this",), "lambda": ("perdure_lacks_that",)}
    monkeypatch.setattr(extras, "_MODULES", absent)
    assert "pip install 'perdure[server,lambda]'" in refused("dev", handler)
    assert "pip install 'perdure[server]'" in refused("dev")
    assert "pip install 'perdure[lambda]'" in refused("worker", handler, "--service", str(URL))


def test_importing_perdure_loads_nothing_heavy() -> None:
    import subprocess

    loaded = "import sys, perdure; print(*{'httpx', 'typer', 'rich', 'asyncio'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def settings(specs: list[str], plain: list[str]) -> DevSettings:
    functions = options.served_functions(
        specs,
        plain=plain,
        execution_timeout=60,
        retention_days=1,
        timeout=10,
        python=None,
        node_runtime=None,
    )
    arguments = ServiceArguments("127.0.0.1", 0, Path("/data"), "eu-west-3")
    return DevSettings(arguments, functions, (), 1, False)


def test_dev_prints_lines_to_paste(handler: str) -> None:
    lines = [line.strip() for line in banner(URL, settings([handler], []))]
    assert (
        "export AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:8484 AWS_DEFAULT_REGION=eu-west-3 "
        "AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev"
    ) in lines
    assert (
        "echo '{}' | aws lambda invoke --function-name 'orders:$LATEST' "
        "--payload fileb:///dev/stdin out.json"
    ) in lines
    assert (
        "curl -sS 'http://127.0.0.1:8484/2015-03-31/functions/orders:$LATEST/invocations' "
        "--data-binary '{}'"
    ) in lines


def test_an_event_beside_the_handler_is_what_is_sent(handler: str) -> None:
    folder = Path("some orders")
    Path("orders").rename(folder)
    (folder / "event.json").write_text("{}")
    lines = banner(URL, settings([f"orders={folder}/app.py"], []))
    commands = [shlex.split(line) for line in lines if line.startswith(("  aws", "  curl"))]
    assert "fileb://some orders/event.json" in commands[0]
    assert "@some orders/event.json" in commands[1]


def test_a_plain_function_needs_no_qualifier(handler: str) -> None:
    lines = "\n".join(banner(URL, settings([handler], ["orders"])))
    assert "--function-name orders " in lines
    assert "/functions/orders/invocations" in lines


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        ([], [None, None]),
        (["http://here/?a=b"], ["http://here/?a=b"] * 2),
        (["orders=http://here/", "http://rest/"], ["http://here/", "http://rest/"]),
        (["other=arn:aws:sqs:us-east-1:0:q"], [None, "arn:aws:sqs:us-east-1:0:q"]),
    ],
)
def test_dead_letters_go_where_the_function_or_all_of_them_say(
    handler: str, given: list[str], targets: list[str | None]
) -> None:
    functions = options.served_functions(
        [handler, f"other={handler}"],
        plain=[],
        execution_timeout=60,
        retention_days=1,
        timeout=60,
        python=None,
        node_runtime=None,
        dead_letter=given,
    )
    assert [function.dead_letter for function in functions] == targets
