"""Connections for the hot path: psycopg, binary, with our own ideas of time and ids."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.pq import Format
from psycopg.rows import TupleRow
from pydantic_core import from_json

from perdure_service.domain.instant import Instant
from perdure_service.postgres.arrays import DUMPERS, POSTGRES_EPOCH_MICROSECONDS

Connection = psycopg.AsyncConnection[TupleRow]

# Nested loops over our primary keys are right for every batch size; the planner's guess at the
# length of an array is not.
_WRITER_OPTIONS = (
    "-c plan_cache_mode=force_generic_plan -c enable_hashjoin=off -c enable_mergejoin=off "
    "-c enable_seqscan=off -c jit=off -c statement_timeout=20s -c lock_timeout=10s "
    "-c idle_in_transaction_session_timeout=20s"
)


class _InstantLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Instant:
        return Instant(int.from_bytes(data, signed=True) + POSTGRES_EPOCH_MICROSECONDS)


class _JsonbLoader(Loader):
    """psycopg's own looks for the encoding of each value, which took half of its time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        return from_json(bytes(data)[1:])  # the first byte is the version of jsonb's binary form


class _UuidTextLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        text = bytes(data).hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def libpq_url(url: str) -> str:
    """DATABASE_URL without SQLAlchemy's driver suffix, if it has one."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def sqlalchemy_url(url: str) -> str:
    return (
        libpq_url(url)
        .replace("postgresql://", "postgresql+psycopg://", 1)
        .replace("postgres://", "postgresql+psycopg://", 1)
    )


async def connect(url: str, *, name: str, writer: bool = False) -> Connection:
    """A connection in autocommit mode that reads instants and ids as the domain spells them.
    Raises psycopg.OperationalError within 10 seconds if Postgres is away."""
    options: dict[str, Any] = {"application_name": f"perdure {name}", "connect_timeout": 10}
    if writer:
        options["options"] = _WRITER_OPTIONS
    connection = await psycopg.AsyncConnection.connect(
        make_conninfo(libpq_url(url), **options), autocommit=True, prepare_threshold=0
    )
    for array, dumper in DUMPERS:
        connection.adapters.register_dumper(array, dumper)
    connection.adapters.register_loader("timestamptz", _InstantLoader)
    connection.adapters.register_loader("uuid", _UuidTextLoader)
    connection.adapters.register_loader("jsonb", _JsonbLoader)
    return connection
