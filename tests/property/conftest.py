"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE.

`default` is quick and draws anew each time, `ci` draws the same each time. They show a failure as
it was found; run `thorough` afterwards to have it shrunk, or to search for minutes.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "default",
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.register_profile(
    "thorough",
    settings.get_profile("default"),
    max_examples=5_000,
    stateful_step_count=80,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)
