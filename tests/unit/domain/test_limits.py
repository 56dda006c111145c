"""When a failed invocation, or a dead letter, is tried again."""

from __future__ import annotations

from perdure_service.domain.limits import DeliveryPolicy, RetryPolicy


def test_the_first_retry_comes_within_200_ms_and_later_ones_after_a_minute_at_most() -> None:
    policy = RetryPolicy()
    assert [policy.delay_seconds(n) for n in range(1, 12)] == [
        0.1,
        0.2,
        0.4,
        0.8,
        1.6,
        3.2,
        6.4,
        12.8,
        25.6,
        51.2,
        60.0,
    ]


def test_any_number_of_failures_has_a_delay() -> None:
    assert RetryPolicy().delay_seconds(1_000_000) == 60.0


def test_both_ends_of_the_delay_are_settings() -> None:
    policy = RetryPolicy(first_delay_seconds=5, max_delay_seconds=7)
    assert [policy.delay_seconds(n) for n in (1, 2, 3)] == [5, 7, 7]


def test_a_dead_letter_is_tried_for_about_six_hours() -> None:
    policy = DeliveryPolicy()
    delays = [policy.delay_seconds(tries) for tries in range(1, policy.max_tries)]
    assert delays[:3] == [1, 2, 4]
    assert max(delays) == 600
    assert 6 <= sum(delays) / 3_600 < 6.5
