"""A logger that says nothing on replay, and tells which operation it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perdure.types import LoggerInterface


class Logger:
    """Adds `extra` to each record; silent while its context replays."""

    __slots__ = ("_extra", "_is_replaying", "_logger")

    def __init__(
        self,
        logger: LoggerInterface,
        default_extra: Mapping[str, object],
        is_replaying: Callable[[], bool] = lambda: False,
    ) -> None:
        self._logger = logger
        self._extra = default_extra
        self._is_replaying = is_replaying

    def get_logger(self) -> LoggerInterface:
        """The logger underneath, which knows no replay."""
        return self._logger

    def with_extra(self, extra: Mapping[str, object]) -> Logger:
        return Logger(self._logger, extra, self._is_replaying)

    def debug(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        self._log(self._logger.debug, msg, args, extra)

    def info(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        self._log(self._logger.info, msg, args, extra)

    def warning(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None:
        self._log(self._logger.warning, msg, args, extra)

    def error(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        self._log(self._logger.error, msg, args, extra)

    def exception(
        self, msg: object, *args: object, extra: Mapping[str, object] | None = None
    ) -> None:
        self._log(self._logger.exception, msg, args, extra)

    def _log(
        self,
        log: Callable[..., Any],
        msg: object,
        args: tuple[object, ...],
        extra: Mapping[str, object] | None,
    ) -> None:
        if not self._is_replaying():
            log(msg, *args, extra={**self._extra, **extra} if extra else dict(self._extra))
