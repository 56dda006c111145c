"""AWS's shared files: ~/.aws/config and ~/.aws/credentials, as far as they hold plain keys."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from perdure.client.errors import Misconfigured
from perdure.signing import Credentials

_ELSEWHERE = (
    "sso_session",
    "sso_start_url",
    "role_arn",
    "credential_process",
    "credential_source",
    "web_identity_token_file",
    "login_session",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """`keys_elsewhere` names what the profile gets its keys from, if it holds none itself."""

    credentials: Credentials | None = None
    region: str | None = None
    endpoint: str | None = None
    keys_elsewhere: str | None = None


def read_profile(environment: Mapping[str, str], name: str | None) -> Profile:
    """The profile that is asked for, else that of AWS_PROFILE, else the default one, which may be
    missing. Raises Misconfigured for another that is not there, and for files that are none."""
    chosen = name or environment.get("AWS_PROFILE") or "default"
    home = Path(environment.get("HOME") or Path.home())
    config = _parse(environment.get("AWS_CONFIG_FILE"), home / ".aws" / "config")
    keys = _parse(environment.get("AWS_SHARED_CREDENTIALS_FILE"), home / ".aws" / "credentials")
    settings = {
        **_section(config, "default" if chosen == "default" else f"profile {chosen}"),
        **_section(keys, chosen),
    }
    if not settings:
        if chosen == "default":
            return Profile()
        raise Misconfigured(
            f"There is no profile {chosen!r} in ~/.aws/config or ~/.aws/credentials: "
            "name another, or add it with `aws configure`."
        )
    key_id, secret = settings.get("aws_access_key_id"), settings.get("aws_secret_access_key")
    services = _section(config, f"services {settings.get('services', '')}")
    return Profile(
        credentials=(
            Credentials(key_id, secret, settings.get("aws_session_token"))
            if key_id and secret
            else None
        ),
        region=settings.get("region"),
        endpoint=_nested(services.get("lambda", ""), "endpoint_url")
        or settings.get("endpoint_url"),
        keys_elsewhere=next((key for key in _ELSEWHERE if key in settings), None),
    )


def _parse(named: str | None, usual: Path) -> RawConfigParser:
    path = Path(named).expanduser() if named else usual
    parser = RawConfigParser(default_section="", interpolation=None)
    try:
        parser.read_string(path.read_text(), str(path))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (Error, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error
    return parser


def _section(parser: RawConfigParser, name: str) -> Mapping[str, str]:
    return dict(parser[name]) if parser.has_section(name) else {}


def _nested(lines: str, key: str) -> str | None:
    """A setting below another, as a profile's services have them."""
    for line in lines.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == key:
            return value.strip()
    return None
