from __future__ import annotations

from pathlib import Path

import pytest

from perdure.worker.durable_source import is_durable_here

OURS = {
    "decorated": (
        "from perdure import durable_execution\n@durable_execution\ndef handler(e, c): pass"
    ),
    "asynchronous": ("import perdure\n@perdure.durable_execution\nasync def handler(e, c): ..."),
    "with options": (
        "from perdure import durable_execution as de\n@de(plugins=[])\ndef handler(e, c): ..."
    ),
    "with all names": "from perdure import *\n@durable_execution\nasync def handler(e, c): ...",
    "over another decorator": (
        "from perdure import durable_execution\n@durable_execution\n@traced\ndef handler(e, c): ..."
    ),
    "from its module": (
        "from perdure.execution import durable_execution\n"
        "@durable_execution\ndef handler(e, c): ..."
    ),
    "wrapped": (
        "from perdure import durable_execution\ndef work(e, c): ...\n"
        "handler = durable_execution(work)"
    ),
    "wrapped with options": (
        "import perdure as p\ndef work(e, c): ...\nhandler = p.durable_execution(x=1)(work)"
    ),
    "under another name": (
        "from perdure import durable_execution\n@durable_execution\ndef f(e, c): ...\nhandler = f"
    ),
    "within a try": (
        "try:\n    from perdure import durable_execution\nexcept ImportError:\n    raise\n"
        "@durable_execution\ndef handler(e, c): ..."
    ),
}

OTHERS = {
    "AWS's": (
        "from aws_durable_execution_sdk_python import durable_execution\n"
        "@durable_execution\ndef handler(e, c): ..."
    ),
    "AWS's with all names": (
        "from aws_durable_execution_sdk_python import *\n@durable_execution\ndef handler(e, c): ..."
    ),
    "AWS's with our client": (
        "from aws_durable_execution_sdk_python import durable_execution\n"
        "from perdure.aws import fast_client\n"
        "@durable_execution(boto3_client=fast_client())\ndef handler(e, c): ..."
    ),
    "under another decorator": (
        "from perdure import durable_execution\n@traced\n@durable_execution\ndef handler(e, c): ..."
    ),
    "plain": "def handler(e, c): ...",
    "bound twice": (
        "from perdure import durable_execution\n@durable_execution\ndef handler(e, c): ...\n"
        "handler = print"
    ),
    "no Python": "def handler(",
    "a circle": "handler = other\nother = handler",
    "from nowhere": "from nowhere import handler",
    "from itself": "from app import handler",
}


@pytest.mark.parametrize("source", OURS.values(), ids=OURS.keys())
def test_a_handler_on_our_sdk_is_known(source: str, tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(source)
    assert is_durable_here(file, "handler")


@pytest.mark.parametrize("source", OTHERS.values(), ids=OTHERS.keys())
def test_others_are_told_from_it(source: str, tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(source)
    assert not is_durable_here(file, "handler")


def test_a_handler_is_followed_through_files(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "order.py").write_text(OURS["decorated"])
    (tmp_path / "middle.py").write_text("from flows.order import handler as order_handler")
    file = tmp_path / "app.py"
    file.write_text("from middle import order_handler\nhandler = order_handler")
    assert is_durable_here(file, "handler")
