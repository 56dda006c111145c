"""Lambda's numbers. Sizes are bytes of UTF-8, durations whole seconds."""

from __future__ import annotations

from collections.abc import Mapping

from perdure_service.domain.frozen import frozen

MEBIBYTE = 1_048_576

MAX_DELAY_SECONDS = 31_622_400
MAX_CALLBACK_TIMEOUT_SECONDS = 99_999_999
MAX_EXECUTION_SECONDS = 31_622_400
CLIENT_TOKEN_WINDOW_SECONDS = 900
PLAIN_RETENTION_SECONDS = 3_600
SYNC_INVOKE_SECONDS = 900
MARKER_SECONDS = 86_400


LIMITED_OPERATIONS = (
    "Invoke",
    "CheckpointDurableExecution",
    "GetDurableExecutionState",
    "GetDurableExecution",
    "GetDurableExecutionHistory",
    "ListDurableExecutionsByFunction",
    "StopDurableExecution",
    "PauseDurableExecution",
    "ResumeDurableExecution",
    "DeleteDurableExecution",
    "SendDurableExecutionCallbackSuccess",
    "SendDurableExecutionCallbackFailure",
    "SendDurableExecutionCallbackHeartbeat",
)
"""Those whose calls can be limited to a rate."""

LAMBDA_RATES: Mapping[str, float] = {
    "Invoke": 300,
    "CheckpointDurableExecution": 10_000,
    "GetDurableExecutionState": 10_000,
    "GetDurableExecution": 30,
    "GetDurableExecutionHistory": 15,
    "ListDurableExecutionsByFunction": 15,
    "StopDurableExecution": 300,
    "SendDurableExecutionCallbackSuccess": 3_000,
    "SendDurableExecutionCallbackFailure": 3_000,
    "SendDurableExecutionCallbackHeartbeat": 3_000,
}
"""Calls a second that Lambda takes from an account in most of its regions."""


@frozen
class Limits:
    """What one execution may use. The defaults are Lambda's; an operator may change them."""

    operations: int = 3_000
    stored_bytes: int = 100 * 1_000_000
    operation_payload_bytes: int = MEBIBYTE
    sync_output_bytes: int = 6 * MEBIBYTE
    async_output_bytes: int = MEBIBYTE
    sync_input_bytes: int = 6 * MEBIBYTE
    async_input_bytes: int = MEBIBYTE
    error_bytes: int = MEBIBYTE
    state_page_bytes: int = 5 * MEBIBYTE
    state_page_items: int = 1_000
    history_page_bytes: int = 5 * MEBIBYTE


@frozen
class DeliveryPolicy:
    """How long a dead letter is tried: `max_tries` in all, about six hours, as long as Lambda keeps
    an asynchronous event. What was given up is kept for `kept_days`."""

    first_delay_seconds: float = 1.0
    max_delay_seconds: float = 600.0
    max_tries: int = 46
    kept_days: int = 14

    def delay_seconds(self, tries: int) -> float:
        """The wait after the `tries`-th try (1-based)."""
        delay: float = self.first_delay_seconds * 2 ** min(tries - 1, 30)
        return min(delay, self.max_delay_seconds)


@frozen
class LogPolicy:
    """How long functions' logs are kept where their group does not say, and how large a group may
    grow: beyond that its oldest lines go."""

    retention_days: int = 30
    max_group_bytes: int = 2_000_000_000


@frozen
class RetryPolicy:
    """When a failed invocation is tried again.

    The n-th failure in a row waits `first_delay_seconds * 2**(n-1)`, at most `max_delay_seconds`.
    `max_init_failures` and `max_failures` end the execution after that many failures in a row of
    that kind; None retries until the execution timeout. A PENDING with nothing pending has its own
    finite budget, as on Lambda.
    """

    first_delay_seconds: float = 0.1
    max_delay_seconds: float = 60.0
    max_failures: int | None = None
    max_init_failures: int | None = None
    max_idle_pending: int = 3
    idle_pending_delay_seconds: float = 5.0
    async_plain_retry_delays_seconds: tuple[float, ...] = (60.0, 120.0)

    def delay_seconds(self, failures: int) -> float:
        """The wait after the `failures`-th failure in a row (1-based)."""
        doublings = min(failures - 1, 30)
        delay: float = self.first_delay_seconds * 2**doublings
        return min(delay, self.max_delay_seconds)
