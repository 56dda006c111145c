"""The client for event loops."""

from __future__ import annotations
