"""Markers that continue a listing: authenticated, bound to one execution, good for a day."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.execution import Sight
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import MARKER_SECONDS
from perdure_service.domain.tokens import KeyRing, Marker, MarkerKind
from perdure_service.domain.views import OperationPage
from perdure_service.ports.clock import Clock
from perdure_service.ports.search import ExecutionSummary

_OF_ANOTHER_LISTING = "The marker belongs to another request: use the NextMarker of this listing."


@dataclass(frozen=True, slots=True)
class Markers:
    keys: KeyRing
    clock: Clock

    def issue(
        self, id_: ExecutionId, kind: MarkerKind, shown: OperationPage, since: Sight
    ) -> str | None:
        """The marker after `shown`; None if it was the last page. That of a checkpoint's answer
        counts as issued when the answer was first made, so that a repeat of it is identical."""
        if shown.next_position is None:
            return None
        issued_at = shown.upto.now if kind is MarkerKind.DELTA else self.clock.now()
        return self.keys.issue_marker(
            Marker(id_, kind, issued_at, shown.upto, shown.next_position, since)
        )

    def at(
        self,
        id_: ExecutionId,
        kind: MarkerKind,
        upto: Sight,
        position: int,
        since: Sight | None = None,
    ) -> str:
        return self.keys.issue_marker(
            Marker(id_, kind, self.clock.now(), upto, position, since or Sight())
        )

    def read(self, text: str, id_: ExecutionId, *kinds: MarkerKind) -> Marker:
        """Raises InvalidParameterValue if it is forged, too old, or of another listing."""
        marker = self._fresh(text)
        if marker.execution_id != id_ or marker.kind not in kinds:
            raise InvalidParameterValue(_OF_ANOTHER_LISTING)
        return marker

    def after_summary(self, kind: MarkerKind, last: ExecutionSummary, filters: int) -> str:
        """The marker after `last` in a list of executions, told apart by 32 bits of `filters`."""
        started_at, id_ = last.position
        return self.at(ExecutionId(id_), kind, Sight(now=started_at), filters)

    def read_position(self, text: str, kind: MarkerKind, filters: int) -> tuple[Instant, str]:
        """Where `after_summary` left off. Raises InvalidParameterValue as `read` does."""
        marker = self._fresh(text)
        if marker.kind is not kind or marker.position != filters:
            raise InvalidParameterValue(_OF_ANOTHER_LISTING)
        return marker.upto.now, marker.execution_id

    def _fresh(self, text: str) -> Marker:
        marker = self.keys.read_marker(text)
        if self.clock.now() > after(marker.issued_at, MARKER_SECONDS):
            raise InvalidParameterValue(
                "The marker is older than 24 hours: start again without it."
            )
        return marker
