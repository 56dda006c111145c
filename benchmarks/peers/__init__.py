"""Other engines for durable functions, on the same workloads and in the same run as ours.

contenders    who they are, and how each is started
environment   the environment of its own that each is installed in
library       engines that live in the process of their worker
restate       Restate: a server, a worker that it calls, and a load generator
*_worker      what runs in an engine's own environment
"""

from __future__ import annotations
