"""Where code in buckets is read: an S3-compatible store, or a folder."""
