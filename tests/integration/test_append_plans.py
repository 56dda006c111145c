"""How Postgres runs an append: in time proportional to the batch, whatever its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from perdure_service.postgres import append, moves
from perdure_service.postgres.connection import connect
from perdure_service.postgres.parts import BORN, EVENTS, ORDER

EVERYTHING = (moves._CHECKPOINTED, moves._INVOKED, moves._STEERED)
OF_APPENDS = tuple(part for part in ORDER if part is not BORN)


def nodes_below(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_below(child)


@pytest.mark.parametrize(
    "sql",
    [
        append._append(OF_APPENDS, EVERYTHING, True).sql,
        append._append((EVENTS,), EVERYTHING[:1], False).sql,
        append._lone_append(tuple((part, 3) for part in ORDER), EVERYTHING, True).sql,
        append._lone_append(((EVENTS, 2),), EVERYTHING[:1], False).sql,
        append._start(ORDER, True, True).sql,
        append._start(ORDER, False, True).sql,
    ],
    ids=[
        "every part",
        "checkpoints",
        "every part, alone",
        "a checkpoint",
        "a named start",
        "a start",
    ],
)
async def test_no_part_compares_its_rows_with_all_winners(database_url: str, sql: str) -> None:
    async with await connect(database_url, name="test", writer=True) as connection:
        explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}".encode()
        cursor = await connection.execute(explain, prepare=False)
        row = await cursor.fetchone()
    assert row is not None
    nodes = list(nodes_below(row[0][0]["Plan"]))
    assert [node for node in nodes if "Join Filter" in node] == []
    assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == []
