"""The two clients are the same but for `await`, and cost nothing until they are used."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from perdure.client import AsyncClient, Client

GROUPS = ["", "callbacks", "functions", "aliases", "logs", "test_events"]


def methods(client: object) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(client, inspect.ismethod)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("group", GROUPS)
def test_both_clients_have_the_same_methods(group: str) -> None:
    blocking, waiting = Client(environment={}), AsyncClient(environment={})
    with blocking:
        of_one = methods(getattr(blocking, group) if group else blocking)
        of_other = methods(getattr(waiting, group) if group else waiting)
    assert of_one.keys() == of_other.keys()
    for name, signature in of_one.items():
        other = of_other[name]
        assert signature.parameters == other.parameters, name
        returned = str(other.return_annotation).replace("AsyncIterator", "Iterator")
        assert str(signature.return_annotation) == returned, name


def test_httpx_is_loaded_by_the_first_client() -> None:
    look = "import sys, perdure.client; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
