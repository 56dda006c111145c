"""A Postgres that may lose what it acknowledged is refused."""

from __future__ import annotations

from perdure_service.postgres.reading import ReadPool

_UNSAFE = {
    "fsync": ("off",),
    "full_page_writes": ("off",),
    "synchronous_commit": ("off", "local", "remote_write"),
}


class UnsafePostgres(Exception):
    """Postgres is configured to lose committed data in a crash."""


async def unsafe_settings(pool: ReadPool) -> list[str]:
    """The settings that would let an acknowledged step be lost, as `name=value`."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(_UNSAFE),)
        )
        rows = await cursor.fetchall()
    return [f"{name}={value}" for name, value in rows if value in _UNSAFE[name]]


def refuse(settings: list[str]) -> None:
    """Raises UnsafePostgres if `settings` is not empty."""
    if settings:
        raise UnsafePostgres(
            f"Postgres runs with {', '.join(settings)} and may lose steps that were acknowledged. "
            "Switch them on, or start with --unsafe-durability if losing data is acceptable."
        )
