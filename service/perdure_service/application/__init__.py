"""Use cases: one per file, each a small class with its dependencies and one verb."""
