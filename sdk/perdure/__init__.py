"""Perdure: AWS Lambda durable functions, self-hosted. This package is what users import and run.

`perdure.worker` runs handlers for a service, `perdure.cli` is the command line. Importing
`perdure` itself loads neither.
"""

from __future__ import annotations
