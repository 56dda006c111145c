"""Whose turn it is when a slot is free."""

from __future__ import annotations

import pytest

from perdure_service.dispatch.parked import Parked
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import FunctionVersionId
from tests.support.functions import function_version


def version(number: int, name: str, *, deployed: bool) -> FunctionVersion:
    id_ = FunctionVersionId(f"0197e0c3-2c40-7000-8000-{number:012d}")
    return function_version(id=id_, function_name=name, deployed=deployed)


FIRST, SECOND = (version(n, f"deployed-{n}", deployed=True) for n in (1, 2))
LIVE, OLDER = (version(n, "live", deployed=False) for n in (3, 4))
OTHER = version(5, "other", deployed=False)


@pytest.fixture
def parked() -> Parked:
    parked = Parked()
    for one in (SECOND, LIVE, FIRST, OTHER, OLDER):
        parked.park(one)
    return parked


def test_slots_of_a_name_are_for_all_versions_of_it(parked: Parked) -> None:
    assert list(parked.release(["live", "unknown"], of_pools=False)) == [LIVE.id, OLDER.id]
    assert LIVE.id not in parked
    assert OTHER.id in parked


def test_slots_of_pools_are_for_what_was_deployed_in_the_order_of_turns(parked: Parked) -> None:
    assert list(parked.release(["deployed-1"], of_pools=True)) == [SECOND.id, FIRST.id]
    assert list(parked.release([], of_pools=True)) == []


def test_who_is_parked_again_is_last(parked: Parked) -> None:
    parked.park(SECOND)
    assert list(parked.release([], of_pools=True)) == [FIRST.id, SECOND.id]


def test_a_look_releases_all_in_the_order_of_turns(parked: Parked) -> None:
    everybody = [one.id for one in (SECOND, LIVE, FIRST, OTHER, OLDER)]
    assert list(parked.release_all()) == everybody
    assert list(parked.release(["live"], of_pools=True)) == []


def test_who_was_deployed_meanwhile_waits_for_pools(parked: Parked) -> None:
    parked.park(version(3, "live", deployed=True))
    assert list(parked.release(["live"], of_pools=False)) == [OLDER.id]
    assert list(parked.release([], of_pools=True)) == [SECOND.id, FIRST.id, LIVE.id]
