"""The client for threads."""

from __future__ import annotations
