"""The replay core: what each durable operation does, without I/O, threads or a clock.

An operation is a generator, a *program*: it reads and extends a `Replay` and yields effects
(`effects`) for what it cannot do itself. A shell performs the effects: one runs programs in
threads, one on an event loop. A program runs under its invocation's lock from one yield to the
next, so that nothing here has to be safe for threads.
"""

from __future__ import annotations
