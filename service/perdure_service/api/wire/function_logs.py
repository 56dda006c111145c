"""Lines of functions' logs in a form for people."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from perdure_service.api.wire.times import iso
from perdure_service.application.function_logs import LogPage
from perdure_service.ports.function_logs import KeptLine


class LogLineView(BaseModel):
    """`request_id` is the invocation's. What is not known is absent."""

    model_config = ConfigDict(frozen=True)

    at: str
    message: str
    stream: str
    request_id: str | None
    execution_id: str | None
    operation_id: str | None


class LogLineViews(BaseModel):
    """In the order in which they arrived. Pass `cursor` as `after` for what comes next."""

    model_config = ConfigDict(frozen=True)

    lines: list[LogLineView]
    cursor: str


def log_line_views(page: LogPage) -> LogLineViews:
    return LogLineViews(lines=[_view(line) for line in page.lines], cursor=page.cursor)


def _view(kept: KeptLine) -> LogLineView:
    line = kept.line
    return LogLineView(
        at=iso(line.at),
        message=line.message.decode("utf-8", "replace"),
        stream=kept.stream,
        request_id=line.request_id,
        execution_id=line.execution_id,
        operation_id=line.operation_id,
    )
