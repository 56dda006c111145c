"""Functions with stored code, as CreateFunction and PublishVersion leave them, without any code."""

from __future__ import annotations

import uuid

import psycopg

_SHA256 = "ab" * 32


def deploy(
    database_url: str, name: str, *, runtime: str, durable: bool = True, version: str = "$LATEST"
) -> str:
    """Add a function with its $LATEST, or another version of one that exists; its id."""
    id_ = str(uuid.uuid4())
    with psycopg.connect(database_url) as connection:
        if version == "$LATEST":
            connection.execute(
                "INSERT INTO function (account, name, region, created_at, latest_version_id)"
                " VALUES ('000000000000', %s, 'us-east-1', clock_timestamp(), %s)",
                (name, id_),
            )
        connection.execute(
            "INSERT INTO function_version (id, account, function_name, version, region,"
            " timeout_seconds, memory_mb, package_type, runtime, handler, code_sha256, code_bytes,"
            " deployed, description, revision_id, created_at, environment,"
            " durable_timeout_seconds, durable_retention_days)"
            " VALUES (%s, '000000000000', %s, %s, 'us-east-1', 60, 256, 'Zip', %s, 'app.handler',"
            " %s, 10, true, '', %s, clock_timestamp(), '{\"STAGE\": \"test\"}', %s, %s)",
            (id_, name, version, runtime, _SHA256, id_, *((3_600, 7) if durable else (None, None))),
        )
    return id_
