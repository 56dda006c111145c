"""The key ring: made by the first replica, shared by all."""

from __future__ import annotations

import secrets

from perdure_service.domain.tokens import KeyRing
from perdure_service.postgres.reading import ReadPool


async def load_key_ring(pool: ReadPool) -> KeyRing:
    """All signing keys; the newest signs. A new database gets its first key here, once."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO signing_key (id, secret, created_at) VALUES (0, %s, clock_timestamp())"
            " ON CONFLICT (id) DO NOTHING",
            (secrets.token_bytes(32),),
        )
        cursor = await connection.execute(
            "SELECT id, secret FROM signing_key ORDER BY created_at, id", binary=True
        )
        rows = await cursor.fetchall()
    keys = {row[0]: bytes(row[1]) for row in rows}
    return KeyRing(keys=keys, current=rows[-1][0])
