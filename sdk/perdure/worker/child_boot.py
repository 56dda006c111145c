"""Become another program, killed by the kernel when the process that started this one dies.

    python -I -S child_boot.py PARENT_PID [OPTIONS] PROGRAM [ARGS...]

PROGRAM is a path. Options: --limit-data=BYTES, --limit-files=N, --user=UID (also the group). If
PROGRAM cannot be run, whoever serves Lambda's Runtime API hears why. A hook between fork and exec
would do the same, but is unsafe beside threads.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    parent, rest = int(sys.argv[1]), sys.argv[2:]
    while rest[0].startswith("--"):
        option, _, value = rest.pop(0).partition("=")
        _OPTIONS[option](int(value))
    _die_with(parent)
    try:
        os.execv(rest[0], rest)  # noqa: S606  that is what it is for
    except OSError as error:
        _say_why(rest[0], error)


def _limit_data(limit: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_files(limit: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, least))


def _become(user: int) -> None:
    # What is needed from here on: this interpreter may lie where that user cannot read.
    import ctypes  # noqa: F401
    import json  # noqa: F401

    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


_OPTIONS = {"--limit-data": _limit_data, "--limit-files": _limit_files, "--user": _become}


def _die_with(parent: int) -> None:
    # After a change of the user, which would forget it.
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


def _say_why(program: str, error: OSError) -> NoReturn:
    text = f"fork/exec {program}: {(error.strerror or str(error)).lower()}"
    api = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if api is None:
        sys.exit(text)
    import http.client
    import json

    body = json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text})
    connection = http.client.HTTPConnection(api, timeout=5)
    connection.request("POST", "/2018-06-01/runtime/init/error", body)
    connection.getresponse().read()
    sys.exit(1)


if __name__ == "__main__":
    main()
