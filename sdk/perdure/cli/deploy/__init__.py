"""`perdure deploy`: a folder or a template becomes functions."""

from __future__ import annotations
