"""`perdure workers`: who is there to run functions."""

from __future__ import annotations

from perdure.cli.columns import print_columns, shown_time
from perdure.cli.lazy import single
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.client import Pool

app = single()


@app.command()
@calls_a_service
def workers(session: Session) -> None:
    """List the workers that live, and what they serve. Perdure only."""
    found = session.client.workers()
    if session.as_json:
        session.emit(shape(found))
        return
    print_columns(
        ("host", "pid", "since", "seen", "running", "functions", "pools"),
        [
            (
                one.host,
                str(one.pid),
                shown_time(one.registered_at),
                shown_time(one.seen_at),
                str(one.running),
                ", ".join(one.functions),
                ", ".join(map(_shown, one.pools)),
            )
            for one in found
        ],
    )


def _shown(pool: Pool) -> str:
    return f"{pool.runtime}={pool.interpreter} (MISMATCH)" if pool.differs else pool.runtime
