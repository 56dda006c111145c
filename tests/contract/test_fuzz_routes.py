"""All routes of the OpenAPI document, called with anything: never a failure of the service."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.calls import NOBODY
from tests.contract.running_service import RunningService
from tests.support.wild_json import LIMITED, scalars, texts, values

NAMES = st.sampled_from(["nobody", "a:b", NOBODY, "%ff", "%", "%2F%2F", "..", "%00"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    parameters: dict[str, list[str]]

    def call(self, http: httpx.Client, data: st.DataObject) -> httpx.Response:
        drawn = partial(_drawn_name, data)
        path = re.sub(r"\{\w+\}", drawn, self.path)
        query, headers = (self._drawn(data, place) for place in ("query", "header"))
        body = b"" if self.method == "get" else json.dumps(data.draw(values)).encode()
        return http.request(
            self.method.upper(),
            f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}",
            content=body,
            headers=headers,
        )

    def _drawn(self, data: st.DataObject, place: str) -> dict[str, str]:
        names = st.sampled_from([*self.parameters[place], "Other"])
        drawn = data.draw(st.dictionaries(names, scalars.map(str) | texts, max_size=3))
        return {name: quote(text.encode("utf-8", "surrogatepass")) for name, text in drawn.items()}


def _drawn_name(data: st.DataObject, _: re.Match[str]) -> str:
    return quote(data.draw(NAMES), safe="%:/$")


@pytest.fixture(scope="module")
def routes(service: RunningService) -> list[Route]:
    document: dict[str, Any] = httpx.get(f"{service.url}/openapi.json").json()
    return [
        Route(method, path, _parameters(operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _parameters(operation: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"query": [], "header": [], "path": []}
    for parameter in operation.get("parameters", ()):
        found[parameter["in"]].append(parameter["name"])
    return found


@settings(LIMITED, max_examples=LIMITED.max_examples // 3)
@given(st.data())
def test_every_route_answers_whatever_it_is_asked(
    service: RunningService, http: httpx.Client, routes: list[Route], data: st.DataObject
) -> None:
    log_size = service.log_size
    for route in routes:
        answer = route.call(http, data)
        assert answer.status_code < 500, (answer.request.url, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["x-amzn-errortype"]
            assert answer.json()["Type"] == "User"
    assert "Traceback" not in "\n".join(service.log_after(log_size))
