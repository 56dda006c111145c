"""Which deployed functions can be run: those whose runtime some worker has a pool for.

Code waits in vain for a runtime that nobody has, perhaps for a misspelt one, so an invocation is
refused at once then. But workers are restarted, a few at a time or all at once: a runtime that went
away a moment ago is taken for one that comes back, and what is started for it waits in the queue.
"""

from __future__ import annotations

from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.ports.worker_register import WorkerRegister

RETURN_SECONDS = 30.0
"""How long a runtime counts as served after its last worker was seen."""

_TRUSTED_SECONDS = 5.0
_ABSENCE_SECONDS = 24 * 3_600.0


class ServedRuntimes:
    """Remembers for a few seconds what was served, so that a busy function costs no look; what was
    not served is looked for each time. A service that begins itself gives workers that were there a
    day ago the same time to return: while it was away it saw none of them."""

    def __init__(self, register: WorkerRegister, clock: Clock) -> None:
        self._register = register
        self._clock = clock
        self._began_at = clock.now()
        self._trusted_until: dict[str, Instant] = {}

    async def refusal(self, version: FunctionVersion) -> ResourceConflict | None:
        """Why an invocation of this version would wait in vain; None if it would not. Raises
        Unavailable."""
        runtime = version.runtime
        if not version.deployed or runtime is None:
            return None
        now = self._clock.now()
        if self._trusted_until.get(runtime, Instant(0)) > now:
            return None
        served = await self._register.runtimes(self._since(now))
        self._trusted_until = dict.fromkeys(served, after(now, _TRUSTED_SECONDS))
        return None if runtime in served else _refusal(version.function_name, runtime, served)

    def _since(self, now: Instant) -> Instant:
        """From when on a worker must have been seen."""
        if now < after(self._began_at, RETURN_SECONDS):
            return after(self._began_at, -_ABSENCE_SECONDS)
        return after(now, -RETURN_SECONDS)


def _refusal(function_name: str, runtime: str, served: frozenset[str]) -> ResourceConflict:
    now = f"Served now: {', '.join(sorted(served))}." if served else "No runtime is served now."
    return ResourceConflict(
        f"No worker serves the runtime {runtime} of function '{function_name}', so nothing was "
        f"started. {now} Start a worker with `perdure worker --pool {runtime}` and repeat the "
        "request, or change the function's Runtime with UpdateFunctionConfiguration."
    )
