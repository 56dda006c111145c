"""A service that refuses most checkpoints: handlers on AWS's SDK repeat them, and lose nothing."""

from __future__ import annotations

from pathlib import Path

from tests.fault.orders import HANDLER, Orders
from tests.support.caller import Caller
from tests.support.service import running_service
from tests.support.worker import running_worker

RATE = "CheckpointDurableExecution=6"


def test_orders_finish_though_their_checkpoints_are_throttled(
    database_url: str, orders: Orders, tmp_path: Path
) -> None:
    with (
        running_service(tmp_path, database_url=database_url, options=["--rates", RATE]) as service,
        running_worker(
            tmp_path, service.url, [str(HANDLER)], options=["--concurrency", "8"]
        ) as worker,
    ):
        caller = Caller(service.url)
        for start in orders.start_many(caller, 12):
            start.result(60)
        histories = orders.until_closed(caller)
        assert service.log.count("429 TooManyRequestsException") >= len(orders.arns)
        assert worker.is_running
    orders.check(histories)
