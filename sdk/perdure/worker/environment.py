"""The environment of a runtime process: what Lambda sets, on top of the user's own.

Each runtime needs something else (Python a default region, Node the log group), so all of it is
always there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from perdure.worker.invocation import Deployment
from perdure.worker.plan import ChildPlan

_LOOPBACK = "127.0.0.1,localhost"
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"


def deployed_environment(
    agents: Mapping[str, str], passed: Collection[str], deployment: Deployment, home: str
) -> dict[str, str]:
    """What a deployed function sees beside what all get: nothing of the agent's own environment but
    what was `passed` by name, then what its configuration says."""
    return {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PATH": _PATH,
        "TMPDIR": home,
        **{name: agents[name] for name in passed if name in agents},
        **dict(deployment.environment),
    }


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a process' log goes. `descriptor` is the pipe for framed records."""

    group: str
    stream: str
    descriptor: int | None = None


def runtime_environment(
    users: Mapping[str, str],
    plan: ChildPlan,
    folder: Path,
    *,
    endpoint: str,
    runtime_api: str | None = None,
    log: LogPlace,
) -> dict[str, str]:
    """The whole environment. What the user set for AWS stays where it cannot mislead. `endpoint`
    is where the Lambda API is, `runtime_api` where a runtime of Lambda's gets its work."""
    environment = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "LD_LIBRARY_PATH": f"{folder}:{folder}/lib",
        "TZ": ":UTC",
        **users,
        **plan.logging.variables(),
        "AWS_DEFAULT_REGION": plan.region,
        "AWS_ENDPOINT_URL_LAMBDA": endpoint,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(plan.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": plan.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": plan.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log.stream,
        "AWS_REGION": plan.region,
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": plan.handler,
        **plan.runtime.variables(users, folder),
    }
    if not (users.get("AWS_ACCESS_KEY_ID") and users.get("AWS_SECRET_ACCESS_KEY")):
        # SDKs sign every call; any key will do here.
        environment |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "perdure")
        environment.pop("AWS_SESSION_TOKEN", None)
    environment.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
    for name in ("NO_PROXY", "no_proxy"):
        own = users.get(name)
        environment[name] = f"{own},{_LOOPBACK}" if own else _LOOPBACK
    environment.pop("AWS_LAMBDA_RUNTIME_API", None)
    if runtime_api is not None:
        environment["AWS_LAMBDA_RUNTIME_API"] = runtime_api
    environment.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    if log.descriptor is not None:
        environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(log.descriptor)
    return environment
