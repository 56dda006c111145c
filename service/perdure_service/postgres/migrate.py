"""The schema, brought up to date by alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

from perdure_service.domain.errors import Unavailable
from perdure_service.postgres.connection import sqlalchemy_url

_PACKAGE = Path(__file__).resolve().parent.parent
_LOCK = 7_305_801_212_021


def migrations_folder() -> Path:
    """Where the migrations are: inside an installed package, or at the root of a checkout."""
    installed = _PACKAGE / "migrations"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "migrations"


def migrate(url: str) -> None:
    """Upgrade the database to the newest schema. Replicas that start together take turns. Raises
    Unavailable if there is no such database to connect to, or a newer version has upgraded it."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    engine = sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool)
    try:
        with _connected(engine) as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
            connection.commit()
            config.attributes["connection"] = connection
            _upgrade(config)
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
            connection.commit()
    finally:
        engine.dispose()


def _upgrade(config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise Unavailable(
            f"A newer version has upgraded this database, to schema {error.__cause__.argument}: "
            "start that version or a later one, or restore a backup from before"
        ) from error


def _connected(engine: sa.Engine) -> sa.Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        raise Unavailable(
            f"Postgres cannot be used: {' '.join(str(error.orig).split())}"
        ) from error
