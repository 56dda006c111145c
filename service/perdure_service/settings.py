"""All settings, read once from arguments and environment, frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_service.domain.http_url import http_url
from perdure_service.domain.limits import DeliveryPolicy, Limits, LogPolicy, RetryPolicy
from perdure_service.domain.token_text import TokenText
from perdure_service.ports.code import AccessKeys

_POSTGRES_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_REGION = re.compile(r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9]")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class SettingsError(Exception):
    """A setting that cannot be used; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One service process. `database_url` None: an embedded Postgres below `data_dir`. `rates` are
    calls a second, by operation; one that is not there is not limited."""

    host: str = "127.0.0.1"
    port: int = 8484
    data_dir: Path = Path(".perdure")
    database_url: str | None = None
    account: str = "000000000000"
    region: str = "us-east-1"
    narrate: bool = False
    unsafe_durability: bool = False
    notify: bool = True
    cache_bytes: int = 64 * 1_048_576
    read_connections: int = 4
    lease_seconds: int = 8
    shutdown_seconds: int = 5
    dead_letter_targets: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    rates: Mapping[str, float] = field(default_factory=dict)
    token_text: TokenText = TokenText.CLIENT
    s3: str | None = None
    s3_keys: AccessKeys | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    deliveries: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    logs: LogPolicy = field(default_factory=LogPolicy)

    @property
    def is_open(self) -> bool:
        """Whether other machines may reach the port, and so everything."""
        return self.host not in LOOPBACK_HOSTS

    def check(self, environment: Mapping[str, str]) -> None:
        """Raises SettingsError for a bind that would let strangers in."""
        if not self.is_open:
            return
        if environment.get("PERDURE_AUTH") != "off":
            raise SettingsError(
                f"Refusing to listen on {self.host}: callers are not authenticated yet. Listen on "
                "127.0.0.1, or set PERDURE_AUTH=off if something in front keeps strangers out."
            )


def database_url(environment: Mapping[str, str]) -> str | None:
    """DATABASE_URL, None if it is absent or empty. Raises SettingsError if it names no Postgres."""
    url = environment.get("DATABASE_URL")
    if url and not url.startswith(_POSTGRES_SCHEMES):
        raise SettingsError("DATABASE_URL must have the form postgresql://user@host/database.")
    return url or None


def access_keys(environment: Mapping[str, str]) -> AccessKeys | None:
    """Those under the names that AWS's SDKs look for; None if there are none."""
    key_id = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        return None
    return AccessKeys(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)


def dead_letter_targets(
    flags: Sequence[str] | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """ARNs and the URLs that they stand for, from `ARN=URL` each; the flags, or else the words of
    PERDURE_DEAD_LETTER_TARGETS. Raises SettingsError."""
    words = flags or environment.get("PERDURE_DEAD_LETTER_TARGETS", "").split()
    targets: dict[str, str] = {}
    for word in words:
        arn, _, url = word.partition("=")
        if not arn.startswith("arn:") or http_url(url) is None:
            raise SettingsError(
                f"A dead letter target must be ARN=URL, with an http or https URL, not '{arn}=...'."
            )
        targets[arn] = url
    return targets


def region_is_valid(region: str) -> bool:
    """Whether it has the form of AWS's regions: clients check the ARNs that carry it."""
    return _REGION.fullmatch(region) is not None
