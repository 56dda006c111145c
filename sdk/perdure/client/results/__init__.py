"""What the client's calls return: frozen, typed, times aware and in UTC."""

from __future__ import annotations
