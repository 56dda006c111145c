"""Bodies and query strings, parsed at the edge into domain types, and answers in bytes."""
