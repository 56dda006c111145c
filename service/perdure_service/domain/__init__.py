"""The rules of Lambda durable functions, pure.

No clock, no await, no SQL, no HTTP: `decide_*` turns a command and an `Execution` into events,
`Folding` turns events into the next `Execution`. Standard library only.
"""
