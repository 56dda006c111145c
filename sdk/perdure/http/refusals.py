"""Answers of Lambda's API that say no."""

from __future__ import annotations

import json

from perdure.http.http1 import Answer, field
from perdure.service_api import ServiceCallFailed


def refusal(answer: Answer) -> ServiceCallFailed:
    """What an answer other than 200 says, in Lambda's terms."""
    code = (field(answer.fields, b"x-amzn-errortype") or b"").decode("latin-1").partition(":")[0]
    try:
        document = json.loads(answer.body)
        message = document.get("message") or document.get("Message") or ""
        code = code or document.get("__type") or document.get("code") or ""
    except (ValueError, AttributeError):
        message = ""
    if not message:
        shown = answer.body[:200].decode("utf-8", "replace")
        message = f"The service answered {answer.status}: {shown}".removesuffix(": ")
    return ServiceCallFailed(message, status=answer.status, code=code)
