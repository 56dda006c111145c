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

# A first line cannot name an interpreter below a folder with a blank in its name: the shell does.
PYTHON: Final = f"""#!/bin/sh
''':'
exec "{sys.executable}" -IS "$0"
'''
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

JAVA: Final = r"""
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpResponse.BodyHandlers;

/** Answers each event with itself, its handler and the version of Java. */
public class Function {
    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var api = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API")
            + "/2018-06-01/runtime/invocation/";
        while (true) {
            var next = HttpRequest.newBuilder(URI.create(api + "next")).build();
            var work = client.send(next, BodyHandlers.ofString());
            var id = work.headers().firstValue("lambda-runtime-aws-request-id").orElseThrow();
            var answer = "[" + work.body() + ", \"" + System.getenv("_HANDLER") + "\", "
                + Runtime.version().feature() + "]";
            var post = HttpRequest.newBuilder(URI.create(api + id + "/response"))
                .POST(HttpRequest.BodyPublishers.ofString(answer)).build();
            client.send(post, BodyHandlers.ofString());
        }
    }
}
"""
"""Without AWS's runtime client for Java, which comes from Maven's repositories only."""
