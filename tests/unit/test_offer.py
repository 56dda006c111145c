"""When a worker has more to offer than the poll that is held says."""

from __future__ import annotations

import pytest

from perdure.worker.offer import Offer, PoolOffer


@pytest.mark.parametrize(
    ("before", "now", "is_news"),
    [
        (Offer(), Offer({"a": 1}), True),
        (Offer({"a": 0}), Offer({"a": 1}), True),
        (Offer({"a": 1}), Offer({"a": 2}), False),
        (Offer({"a": 1}), Offer({"a": 0}), False),
        (Offer(), Offer(pool=PoolOffer(1, {})), True),
        (Offer(pool=PoolOffer(0, {})), Offer(pool=PoolOffer(1, {})), True),
        (Offer(pool=PoolOffer(1, {})), Offer(pool=PoolOffer(2, {})), False),
        (Offer(pool=PoolOffer(5, {"a": 0})), Offer(pool=PoolOffer(6, {})), True),
        (Offer(pool=PoolOffer(5, {"a": 0})), Offer(pool=PoolOffer(6, {"a": 1})), True),
        (Offer(pool=PoolOffer(5, {"a": 0})), Offer(pool=PoolOffer(4, {"a": 0, "b": 3})), False),
        (Offer(pool=PoolOffer(5, {"a": 0})), Offer(pool=PoolOffer(0, {"b": 3})), False),
    ],
)
def test_a_poll_is_renewed_only_for_what_it_could_not_bring(
    before: Offer, now: Offer, is_news: bool
) -> None:
    assert now.is_news_to(before) is is_news


def test_what_is_offered_is_the_sum_of_all() -> None:
    assert Offer({"a": 2, "b": 3}, PoolOffer(10, {"c": 1})).total == 15
