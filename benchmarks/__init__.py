"""How fast, how heavy, how late: `python -m benchmarks`; docs/performance.md says what it means."""
