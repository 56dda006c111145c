"""The worker agent: it takes invocations from the service and runs them in runtime processes.

handler_spec   what to serve, as typed on the command line: python_handler, node_handler
runtime        what runs a language: python_runtime, node_runtime, bootstrap_runtime
pool, find_pools   runtimes for whatever is deployed
functions      what is served, and the code that an invocation asks for
code           a folder as a zip with a hash; unpack, code_cache: back again
service_client the worker protocol   link         registered, polling, heartbeating, reporting
invocation     work and results      lambda_proxy the Lambda API for runtimes
runtime_session, runtime_api, environment, bound, child, log_capture   one runtime process
plan           what a process is started as
process_log, invocation_log, log_shipping   what it writes   process_end   why it never began
child_group, slots   the processes of one plan, of one function   kept_warm   the one in reserve
in_process_runtime, durable_source   functions on Perdure's own SDK
channel, shared_child, shared_process, shared_slots   their processes, which run many invocations
processes      starts them all   workshop     what slots ask for, and are asked
live, reload   functions that are served from their folders, and edited
deployed, places   functions that pools run, and the processes that they share
launch, confinement, memory   how a process is started and held
presence       which workers of this machine were killed
agent          all of it together, and the drain at the end
"""

from __future__ import annotations
