"""Calls of function management that several tests make."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/any"


def zipped(files: dict[str, str] | str) -> bytes:
    """A zip of files, or of one app.py; always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in ({"app.py": files} if isinstance(files, str) else files).items():
            file.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_base64(content: bytes) -> str:
    """As Lambda's API shows it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def create(aws: Any, name: str, **changes: Any) -> Any:
    """A push target, unless changed."""
    request = {
        "FunctionName": name,
        "Role": ROLE,
        "PackageType": "Image",
        "Code": {"ImageUri": "http://127.0.0.1:9"},
    }
    return aws.create_function(**{**request, **changes})


def create_from_zip(aws: Any, name: str, code: str = "", **changes: Any) -> Any:
    """A plain function, its code a zip that no other function has."""
    request = {
        "FunctionName": name,
        "Role": ROLE,
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped(code or name)},
    }
    return aws.create_function(**{**request, **changes})
