"""What the kit needs: nothing that has to be installed, and not much time."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import perdure.testing
import perdure.execution
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_kit_loads_the_standard_library_the_sdk_and_the_domain_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = {name for name in done.stdout.split() if not name.startswith("_")}
    # Debian's Python loads a sitecustomize whatever it runs.
    loaded -= {*sys.stdlib_module_names, "sitecustomize"}
    assert loaded == {"perdure", "perdure_service"}


def test_the_kit_loads_nothing_of_the_service_but_its_domain() -> None:
    code = "import sys, perdure.testing; print(*[m for m in sys.modules if '_service.' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = {name.split(".")[1] for name in done.stdout.split() if name.startswith("perdure_")}
    assert loaded == {"domain"}
