"""What map and parallel give back."""

from __future__ import annotations
