"""Perdure's control plane: AWS Lambda durable functions on your own Postgres."""
