"""Routes that FastAPI serves, by subject; the hot ones are in `api.hot`."""
