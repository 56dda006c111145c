"""Runtimes that functions bring themselves, in a shell and in Python without any package."""

from __future__ import annotations

import sys
from typing import Final

SHELL: Final = r"""#!/bin/bash
# Answers each event with the output of $ANSWER, a command.
set -eu
export LC_ALL=C
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
call() {
    exec 3<>"/dev/tcp/$host/$port"
    printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' "$1" "$2" >&3
    printf 'Content-Length: %d\r\n\r\n%s' "${#3}" "$3" >&3
    id=
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
        case ${line,,} in lambda-runtime-aws-request-id:*) id=${line##* } ;; esac
    done
    IFS= read -r -d '' event <&3 || true
    exec 3<&-
}
while :; do
    call GET invocation/next ''
    export EVENT=$event
    call POST "invocation/$id/response" "$(eval "$ANSWER")"
done
"""

PYTHON: Final = f"""#!{sys.executable} -IS
# Answers each event with itself, its handler and the place of its code.
import http.client, json, os

connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    connection.request(method, "/2018-06-01/runtime/invocation/" + path, body)
    answer = connection.getresponse()
    return answer, answer.read()


while True:
    answer, event = call("GET", "next")
    body = {{
        "event": json.loads(event),
        "handler": os.environ["_HANDLER"],
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "here": os.getcwd(),
        "memory": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    }}
    call("POST", answer.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps(body))
"""
