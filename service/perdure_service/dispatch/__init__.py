"""Handing queued invocations to those who run them: workers that poll, and push targets."""
