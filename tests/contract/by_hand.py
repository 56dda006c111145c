"""A function played by hand: its checkpoints go out when the test says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.contract.raw_worker import Delivered, RawWorker
from tests.support.waiting import eventually

Operation = dict[str, Any]


@dataclass(slots=True)
class ByHand:
    """One running invocation, with the newest token."""

    aws: Any
    worker: RawWorker
    delivered: Delivered
    token: str

    @classmethod
    def start(cls, aws: Any, worker: RawWorker, **request: Any) -> ByHand:
        """Starts an execution and takes its first invocation."""
        aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event", **request)
        return cls.take(aws, worker)

    @classmethod
    def unattended(cls, aws: Any, worker: RawWorker) -> ByHand:
        """Starts an execution that no worker takes: it can be looked at only."""
        started = aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
        event = {"DurableExecutionArn": started["DurableExecutionArn"]}
        return cls(aws, worker, Delivered({}, json.dumps(event).encode()), "")

    @classmethod
    def take(cls, aws: Any, worker: RawWorker) -> ByHand:
        delivered = worker.take()
        return cls(aws, worker, delivered, delivered.token)

    @property
    def arn(self) -> str:
        return self.delivered.arn

    def checkpoint(self, *updates: dict[str, Any], **members: Any) -> dict[str, Operation]:
        """What the answer shows, by id."""
        answer = self.aws.checkpoint_durable_execution(
            DurableExecutionArn=self.arn, CheckpointToken=self.token, Updates=updates, **members
        )
        self.token = answer.get("CheckpointToken", self.token)
        return {one["Id"]: one for one in answer["NewExecutionState"].get("Operations", ())}

    def until(self, id_: str, status: str) -> Operation:
        """The operation, once an empty checkpoint shows it so."""

        def look() -> Operation | None:
            shown = self.checkpoint().get(id_)
            return shown if shown is not None and shown["Status"] == status else None

        found = eventually(look)
        assert found is not None
        return found

    def state(self, **query: Any) -> list[Operation]:
        answer = self.aws.get_durable_execution_state(
            DurableExecutionArn=self.arn, CheckpointToken=self.token, **query
        )
        return list(answer["Operations"])

    def suspend(self) -> ByHand:
        """Returns PENDING; the invocation that follows."""
        self.worker.suspend(self.delivered)
        return self.take(self.aws, self.worker)

    def get(self, **query: Any) -> dict[str, Any]:
        return dict(self.aws.get_durable_execution(DurableExecutionArn=self.arn, **query))

    def history(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.aws.get_durable_execution_history(DurableExecutionArn=self.arn, **query)
        return list(answer["Events"])
