"""The options themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perdure_service.domain.token_text import TokenText
from perdure_service.options.values import buckets, delays, one_of, rates, seconds, whole

_MAX_OPERATIONS = 1_000_000
_MAX_STORED_MB = 10_000
_MAX_ATTEMPTS = 1_000_000

Parse = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Option:
    """Sets `field` of `Settings.<section>`, or of Settings itself. `parse` raises ValueError, its
    text what the value must be."""

    flag: str
    section: str | None
    field: str
    parse: Parse
    help: str

    @property
    def name(self) -> str:
        """Under which argparse keeps the flag."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        return f"PERDURE_{self.name.upper()}"


OPTIONS = (
    Option(
        "--max-operations",
        "limits",
        "operations",
        whole(1, _MAX_OPERATIONS),
        "durable operations that one execution may have (3000, as on Lambda)",
    ),
    Option(
        "--max-stored-mb",
        "limits",
        "stored_bytes",
        whole(1, _MAX_STORED_MB, unit=1_000_000),
        "megabytes that one execution may write (100, as on Lambda)",
    ),
    Option(
        "--retry-delay",
        "retries",
        "first_delay_seconds",
        seconds(0.01),
        "seconds before a failed invocation is tried again; doubles each time (0.1)",
    ),
    Option(
        "--retry-max-delay",
        "retries",
        "max_delay_seconds",
        seconds(0.01),
        "the longest of these waits (60)",
    ),
    Option(
        "--max-failures",
        "retries",
        "max_failures",
        whole(1, _MAX_ATTEMPTS),
        "failed invocations in a row that end an execution (no end but its timeout)",
    ),
    Option(
        "--max-init-failures",
        "retries",
        "max_init_failures",
        whole(1, _MAX_ATTEMPTS),
        "the same, for code that fails to start (no end; 3 with --dev)",
    ),
    Option(
        "--max-idle-pending",
        "retries",
        "max_idle_pending",
        whole(1, _MAX_ATTEMPTS),
        "PENDING answers with nothing pending that end an execution (3)",
    ),
    Option(
        "--idle-pending-delay",
        "retries",
        "idle_pending_delay_seconds",
        seconds(0),
        "seconds between these (5)",
    ),
    Option(
        "--async-retry-delays",
        "retries",
        "async_plain_retry_delays_seconds",
        delays,
        "waits before each retry of a failed asynchronous call of a plain function (60,120)",
    ),
    Option(
        "--rates",
        None,
        "rates",
        rates,
        "calls a second that this process takes, as StopDurableExecution=5,...; `lambda` for "
        "Lambda's own (no limit)",
    ),
    Option(
        "--log-retention-days",
        "logs",
        "retention_days",
        whole(1, 3_653),
        "days for which functions' logs are kept if their group does not say (30)",
    ),
    Option(
        "--log-group-mb",
        "logs",
        "max_group_bytes",
        whole(1, 1_000_000, unit=1_000_000),
        "megabytes of a log group, beyond which its oldest lines go (2000)",
    ),
    Option(
        "--s3",
        None,
        "s3",
        buckets,
        "where code in buckets is read: the URL of an S3-compatible store, for which "
        "AWS_ACCESS_KEY_ID and its kin are used, or a folder with one folder per bucket (none)",
    ),
    Option(
        "--token-text",
        None,
        "token_text",
        one_of(TokenText),
        "words in which a stale checkpoint token is refused: lambda, old, or as each client's SDK "
        "looks for them (client)",
    ),
)
