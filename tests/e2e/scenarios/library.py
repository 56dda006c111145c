"""The scenarios as data: what each function is told, and the history that its execution must have.

Each *.toml here is an area. A table is a scenario, under the name that its handler has in every
language. Its keys:

    history     what must be, in the form of tests/support/history.py
    event       what the handler is told besides `scenario`, `folder` and `self`; {self} and
                {folder} stand for these
    handler     what it is told as `scenario`, if not its own name
    filling     number: the handler is told a `filling` of so many characters
    function    which function runs it: see `sdks.py`; `self` if nothing is said
    sync        true: the caller waits for the end, and may hand over 6 MB
    without     table of reasons by SDK: the scenario is not for it

Where SDKs differ, `history-python` or `history-python-1` stands beside `history`, and the most
special one counts; `without` works alike. `python-perdure` is this project's SDK, which runs the
handlers for AWS's. What has to happen from outside stands in `plays/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Scenario:
    """`histories` and `without` are by SDK, "" standing for all."""

    name: str
    area: str
    event: Mapping[str, Any]
    handler: str
    filling: int
    function: str
    sync: bool
    histories: Mapping[str, str]
    without: Mapping[str, str]

    def history_for(self, sdk: str) -> str:
        history = most_special(self.histories, sdk)
        assert history is not None, f"{self.name} has no history for {sdk}"
        return history

    def reason_against(self, sdk: str) -> str | None:
        return most_special(self.without, sdk)


def most_special(choices: Mapping[str, T], sdk: str) -> T | None:
    """Of the choices for `python-1`, for `python` and for all, the first that is there."""
    language = sdk.partition("-")[0]
    return next((choices[key] for key in (sdk, language, "") if key in choices), None)


def _read(area: Path) -> Iterator[Scenario]:
    for name, table in tomllib.loads(area.read_text()).items():
        histories = {
            key.removeprefix("history").removeprefix("-"): table.pop(key)
            for key in list(table)
            if key.startswith("history")
        }
        yield Scenario(
            name=name,
            area=area.stem,
            event=table.pop("event", {}),
            handler=table.pop("handler", name),
            filling=table.pop("filling", 0),
            function=table.pop("function", "self"),
            sync=table.pop("sync", False),
            histories=histories,
            without=table.pop("without", {}),
        )
        assert not table, f"{area.name}, {name}: unknown keys {sorted(table)}"


SCENARIOS = {found.name: found for area in sorted(FOLDER.glob("*.toml")) for found in _read(area)}
