"""What a worker is handed: the invocation event of a durable function, or a plain payload."""

from __future__ import annotations

import json
from dataclasses import dataclass

from perdure_service.application.markers import Markers
from perdure_service.domain.decide_invocation import Delivery
from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.instant import epoch_milliseconds
from perdure_service.domain.limits import Limits
from perdure_service.domain.shapes import operation_shape
from perdure_service.domain.tokens import KeyRing, MarkerKind
from perdure_service.domain.views import page, visible_operations

_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Envelopes:
    keys: KeyRing
    markers: Markers
    limits: Limits

    def __call__(self, execution: Execution, delivery: Delivery) -> bytes:
        """The payload of one invocation, UTF-8. `execution` is the state right after the claim."""
        if not execution.identity.durable:
            return (execution.input or "").encode()
        shown = page(
            visible_operations(execution),
            delivery.upto,
            after_position=0,
            max_items=self.limits.state_page_items,
            max_bytes=self.limits.state_page_bytes,
            execution_input=execution.input,
        )
        marker = self.markers.issue(execution.id, MarkerKind.STATE, shown, Sight())
        event = {
            "DurableExecutionArn": execution.identity.arn,
            "CheckpointToken": self.keys.issue_checkpoint_token(delivery.token),
            "InitialExecutionState": {
                "Operations": [
                    operation_shape(
                        operation, delivery.upto.now, epoch_milliseconds, execution.input
                    )
                    for operation in shown.operations
                ],
                "NextMarker": marker or "",
            },
            "UpdatedOperationIds": list(delivery.updated_operation_ids),
        }
        return _encode_json(event).encode()
