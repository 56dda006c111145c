"""Everything that speaks to Postgres."""

from __future__ import annotations
