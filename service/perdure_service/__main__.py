"""`perdure-service serve` and `perdure-service migrate`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perdure_service.options import add_options, chosen

EXIT_UNUSABLE = 1
EXIT_USAGE = 2
EXIT_PORT_TAKEN = 98


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perdure-service", description="AWS Lambda durable functions on your own Postgres."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8484, help="port to listen on; 0 picks one")
    serve.add_argument(
        "--data",
        type=Path,
        default=Path(".perdure"),
        help="folder of the embedded Postgres; not used if DATABASE_URL is set",
    )
    serve.add_argument("--region", default="us-east-1", help="the region that ARNs carry")
    serve.add_argument("--cache-mb", type=int, default=64, help="memory for recent executions")
    serve.add_argument(
        "--dev", action="store_true", help="tell each event, give up after 3 failed starts of code"
    )
    serve.add_argument(
        "--unsafe-durability",
        action="store_true",
        help="accept a Postgres that may lose committed data in a crash",
    )
    serve.add_argument(
        "--no-notify", action="store_true", help="do not use LISTEN and NOTIFY (for PgBouncer)"
    )
    serve.add_argument(
        "--dead-letter-target",
        action="append",
        metavar="ARN=URL",
        help="deliver what functions send to this queue or topic to a URL; may be repeated",
    )
    add_options(serve)
    commands.add_parser("migrate", help="bring the schema of DATABASE_URL up to date")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(
        level=os.environ.get("PERDURE_LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for quiet in ("httpx", "uvicorn", "alembic"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    try:
        return _migrate() if parsed.command == "migrate" else _serve(parsed)
    except KeyboardInterrupt:
        return 130


def _migrate() -> int:
    from perdure_service.domain.errors import Unavailable
    from perdure_service.postgres.migrate import migrate
    from perdure_service.settings import SettingsError, database_url

    try:
        url = database_url(os.environ)
        if url is None:
            return _fail("Set DATABASE_URL to the database to migrate.", EXIT_USAGE)
        migrate(url)
    except SettingsError as error:
        return _fail(str(error), EXIT_USAGE)
    except Unavailable as error:
        return _fail(str(error), EXIT_UNUSABLE)
    return 0


def _serve(parsed: argparse.Namespace) -> int:
    try:
        import uvloop

        from perdure_service.domain.errors import Unavailable
        from perdure_service.main import PortTaken, serve
        from perdure_service.postgres.durability import UnsafePostgres
        from perdure_service.postgres.embedded import EmbeddedPostgresError
        from perdure_service.settings import (
            Settings,
            SettingsError,
            access_keys,
            database_url,
            dead_letter_targets,
            region_is_valid,
        )
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("perdure_service"):
            raise
        return _fail(f"{missing}. Install it: pip install 'perdure[server]'", EXIT_USAGE)
    if not region_is_valid(parsed.region):
        return _fail(
            f"Invalid --region '{parsed.region}': take one of AWS's, such as us-east-1.", EXIT_USAGE
        )
    try:
        url = database_url(os.environ)
        targets = dead_letter_targets(parsed.dead_letter_target, os.environ)
    except SettingsError as error:
        return _fail(str(error), EXIT_USAGE)
    settings = Settings(
        host=parsed.host,
        port=parsed.port,
        data_dir=parsed.data,
        database_url=url,
        region=parsed.region,
        narrate=parsed.dev,
        unsafe_durability=parsed.unsafe_durability,
        notify=not parsed.no_notify,
        cache_bytes=parsed.cache_mb * 1_048_576,
        dead_letter_targets=targets,
        s3_keys=access_keys(os.environ),
    )
    if parsed.dev:
        settings = replace(settings, retries=replace(settings.retries, max_init_failures=3))
    try:
        settings = chosen(settings, vars(parsed), os.environ)
        uvloop.run(serve(settings))
    except PortTaken as error:
        return _fail(str(error), EXIT_PORT_TAKEN)
    except SettingsError as error:
        return _fail(str(error), EXIT_USAGE)
    except (UnsafePostgres, EmbeddedPostgresError, Unavailable) as error:
        return _fail(str(error), EXIT_UNUSABLE)
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"perdure-service: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
