"""A private Postgres for a service that was given no DATABASE_URL.

    launcher      EmbeddedPostgres: start, stop, restart
    binaries      where postgres and initdb come from
    server_user   whom the server runs as; never root
    socket_folder where clients connect
    data_folder   the folder on disk: its owner's lock, the cluster, the log
    process       the running server, and the command that ties its life to ours
    exec_server   the few lines that run between us and postgres

Standard library only, so that it starts in milliseconds and runs under any Python of the box.
"""

from __future__ import annotations

from perdure_service.postgres.embedded.errors import (
    DataFolderInUse,
    EmbeddedPostgresError,
    PostgresDidNotStart,
    PostgresNotFound,
    PostgresVersionMismatch,
)
from perdure_service.postgres.embedded.launcher import EmbeddedPostgres

__all__ = [
    "DataFolderInUse",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "PostgresDidNotStart",
    "PostgresNotFound",
    "PostgresVersionMismatch",
]
