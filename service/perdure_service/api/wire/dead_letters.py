"""Dead letters in a form for people."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from perdure_service.api.wire.times import iso
from perdure_service.domain.http_url import without_query
from perdure_service.ports.dead_letters import Letter


class DeadLetterView(BaseModel):
    """An event that has not arrived. `next_try_at` is absent if it was given up; then it is thrown
    away at `kept_until`. `target` is shown without its query."""

    model_config = ConfigDict(frozen=True)

    execution_id: str
    execution_arn: str | None
    function_arn: str
    target: str
    status: str
    error_type: str
    error_message: str
    request_id: str | None
    event: str
    closed_at: str
    tries: int
    last_failure: str | None
    next_try_at: str | None
    given_up_at: str | None
    kept_until: str | None


class DeadLetterViews(BaseModel):
    """`next` is the path of the next page."""

    model_config = ConfigDict(frozen=True)

    dead_letters: list[DeadLetterView]
    next: str | None


def dead_letter_views(letters: Sequence[Letter], next_path: str | None) -> DeadLetterViews:
    return DeadLetterViews(dead_letters=[_view(letter) for letter in letters], next=next_path)


def _view(letter: Letter) -> DeadLetterView:
    due_at, given_up_at = iso(letter.due_at), letter.given_up_at
    return DeadLetterView(
        execution_id=letter.execution_id,
        execution_arn=letter.execution_arn,
        function_arn=letter.function_arn,
        target=without_query(letter.target),
        status=letter.status,
        error_type=letter.error_type,
        error_message=letter.error_message,
        request_id=letter.request_id,
        event=letter.event.decode(),
        closed_at=iso(letter.closed_at),
        tries=letter.tries,
        last_failure=letter.last_failure,
        next_try_at=due_at if given_up_at is None else None,
        given_up_at=None if given_up_at is None else iso(given_up_at),
        kept_until=None if given_up_at is None else due_at,
    )
