"""PauseDurableExecution and ResumeDurableExecution, from the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from perdure_service.api.wire.text import ClientToken, parse_json
from perdure_service.domain.decide_pause import PauseRequest, ResumeRequest

Reason = Annotated[str, StringConstraints(max_length=1024)]


class PauseBody(TypedDict, total=False):
    ClientToken: ClientToken | None
    Reason: Reason | None
    ExecutionTimeoutPaused: bool | None


class ResumeBody(TypedDict, total=False):
    ClientToken: ClientToken | None
    Reason: Reason | None


PAUSE_BODY: TypeAdapter[PauseBody] = TypeAdapter(PauseBody)
RESUME_BODY: TypeAdapter[ResumeBody] = TypeAdapter(ResumeBody)


def parse_pause(body: bytes) -> PauseRequest:
    """Raises InvalidParameterValue with all that breaks the model. No body asks for nothing."""
    parsed = _parsed(PAUSE_BODY, body)
    timeout_paused = parsed.get("ExecutionTimeoutPaused")
    return PauseRequest(
        client_token=parsed.get("ClientToken"),
        reason=parsed.get("Reason"),
        execution_timeout_paused=True if timeout_paused is None else timeout_paused,
    )


def parse_resume(body: bytes) -> ResumeRequest:
    """Raises InvalidParameterValue with all that breaks the model. No body asks for nothing."""
    parsed = _parsed(RESUME_BODY, body)
    return ResumeRequest(client_token=parsed.get("ClientToken"), reason=parsed.get("Reason"))


def _parsed(adapter: TypeAdapter[Any], body: bytes) -> Any:
    return parse_json(adapter, body) if body.strip() else {}
