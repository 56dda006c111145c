"""A statement of a lane, ready to be sent: nobody need look at a value again to choose its type."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_service.domain.frozen import frozen


@frozen
class Statement:
    """SQL with placeholders $1, $2, ...; the type of each parameter and its value in binary form,
    None for NULL."""

    sql: str
    types: Sequence[int] = ()
    values: Sequence[bytes | None] = ()
