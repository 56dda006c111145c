"""Whom the server runs as. Postgres refuses root, so root becomes somebody else."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from perdure_service.postgres.embedded.errors import EmbeddedPostgresError

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServerUser:
    """A user and group of the system. Ourselves, unless we are root."""

    uid: int
    gid: int

    @property
    def is_dropped_to(self) -> bool:
        """Whether we are root and give up that right to become this user."""
        return os.geteuid() != self.uid

    def own(self, path: Path) -> None:
        """Give `path` itself (not what is below it) to this user, open to nobody else."""
        if self.is_dropped_to:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


def choose_server_user(cluster: Path) -> ServerUser:
    """Who must run the server of `cluster`, which need not exist yet.

    Ordinary users run it as themselves. Root runs it as the cluster's owner if there is one, so
    that a folder made by an ordinary user stays theirs; else as `postgres`, else as `nobody`.
    Raises EmbeddedPostgresError if the cluster belongs to somebody whom we cannot become.
    """
    ours = ServerUser(os.geteuid(), os.getegid())
    owner = _owner(cluster)
    if ours.uid != 0:
        if owner is not None and owner.uid != ours.uid:
            raise EmbeddedPostgresError(
                f"{cluster} belongs to {_name(owner.uid)}, and you are {_name(ours.uid)}. "
                f"Run as that user or as root, or give it to yourself: "
                f"sudo chown -R {ours.uid}:{ours.gid} '{cluster.parent}'"
            )
        return ours
    # A cluster of root's was copied or restored by root; it is given back before the start.
    if owner is not None and owner.uid != 0:
        return owner
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "Postgres refuses to run as root, and this system has neither a user 'postgres' nor "
        "'nobody'. Add one, run as an ordinary user, or set DATABASE_URL."
    )


def _owner(path: Path) -> ServerUser | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return ServerUser(stat.st_uid, stat.st_gid)


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name!r}"
    except KeyError:
        return f"uid {uid}"
