"""What runs the core's programs: a driver per invocation, and a shell for threads and for tasks."""

from __future__ import annotations
