"""Buckets of tokens."""

from __future__ import annotations

import pytest

from perdure_service.api.throttle import Bucket, Throttle
from perdure_service.domain.errors import TooManyRequests


def test_a_seconds_worth_passes_at_once_and_then_one_by_one() -> None:
    bucket = Bucket(4, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0, 0, 0, 0]
    assert bucket.take(100.0) == pytest.approx(0.25)
    assert bucket.take(100.25) == 0
    assert bucket.take(100.25) > 0


def test_a_call_that_is_refused_costs_nothing() -> None:
    bucket = Bucket(1, now=0.0)
    assert bucket.take(0.0) == 0
    for _ in range(100):
        assert bucket.take(0.5) == pytest.approx(0.5)
    assert bucket.take(1.0) == 0


def test_what_is_not_used_does_not_pile_up() -> None:
    bucket = Bucket(2, now=0.0)
    assert [bucket.take(1_000.0) > 0 for _ in range(3)] == [False, False, True]


def test_a_rate_below_one_lets_one_through_at_once() -> None:
    bucket = Bucket(0.1, now=0.0)
    assert bucket.take(0.0) == 0
    assert bucket.take(0.0) == pytest.approx(10)


def test_over_the_rate_the_caller_is_told_why_and_when_to_come_back() -> None:
    throttle = Throttle({"StopDurableExecution": 0.4}, now=lambda: 0.0)
    throttle.take("StopDurableExecution")
    with pytest.raises(
        TooManyRequests, match=r"takes 0.4 StopDurableExecution calls a second"
    ) as e:
        throttle.take("StopDurableExecution")
    assert e.value.reason == "CallerRateLimitExceeded"
    assert e.value.retry_after_seconds == 3


def test_operations_do_not_share_and_one_without_a_rate_is_free() -> None:
    throttle = Throttle({"Invoke": 1, "StopDurableExecution": 1}, now=lambda: 0.0)
    throttle.take("Invoke")
    throttle.take("StopDurableExecution")
    for _ in range(100):
        throttle.take("GetDurableExecution")


def test_without_rates_there_is_nothing_to_ask() -> None:
    assert not Throttle({})
    assert Throttle({"Invoke": 1})
