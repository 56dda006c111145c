"""`perdure functions`: what can be called, and who would run it."""

from __future__ import annotations

from collections import Counter

from perdure.cli.columns import print_columns, shown_time
from perdure.cli.lazy import single
from perdure.cli.serving import find_workers, interpreters
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.client import Function

app = single()

_LATEST = "$LATEST"


@app.command()
@calls_a_service
def functions(session: Session) -> None:
    """List functions: runtime, published versions, and who would run them now."""
    found = list(session.client.functions.list(all_versions=True))
    published = Counter(one.name for one in found if one.version != _LATEST)
    latest = [one for one in found if one.version == _LATEST]
    workers = find_workers(session.client)
    served = {one.name: interpreters(one, workers or ()) for one in latest}
    if session.as_json:
        session.emit(
            [
                {
                    **shape(one),
                    "published_versions": published[one.name],
                    "served_by": None if workers is None else served[one.name],
                }
                for one in latest
            ]
        )
        return
    heads = ("name", "runtime", "kind", "versions", "changed", "served by")
    rows = [
        (
            one.name,
            one.runtime or one.package_type,
            _kind(one),
            str(published[one.name]),
            shown_time(one.last_modified),
            "AWS" if workers is None else ", ".join(served[one.name]) or "nobody",
        )
        for one in latest
    ]
    print_columns(heads, rows)


def _kind(function: Function) -> str:
    return "plain" if function.durable is None else "durable"
