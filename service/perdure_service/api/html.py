"""The two pages of the API, without a request to anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from pydantic_core import to_json

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-weight: 600 } h2 { font-size: 1.1rem; margin-top: 2rem }
code, pre { font: 0.9em ui-monospace, monospace }
pre { background: #8881; border-radius: 6px; padding: 0.8rem; overflow-x: auto }
summary { cursor: pointer; padding: 0.2rem 0 } details > div { margin: 0 0 1rem 1.2rem }
.method { display: inline-block; width: 4.5rem; font-weight: 600 }
.about { opacity: 0.7 } a { color: #2563eb } @media (prefers-color-scheme: dark) {
html { background: #16181d; color: #e5e7eb } a { color: #93b4ff } }
"""

_LINKS = (
    ("/docs", "API reference", "every route, its parameters and bodies"),
    ("/openapi.json", "OpenAPI document", "for tools"),
    ("/v1/executions", "Executions", "newest first, as JSON"),
    ("/v1/dead-letters", "Dead letters", "events of failed asynchronous executions on their way"),
    ("/2015-03-31/functions", "Functions", "Lambda's ListFunctions"),
    ("/v1/workers", "Workers", "who lives, and what they serve"),
    ("/ready", "Ready", "whether the service can do its work, and why not"),
    ("/health", "Health", "whether the process answers"),
)


def front_page(version: str, base_url: str) -> str:
    """`base_url` is where the reader reached this service."""
    links = "".join(
        f'<li><a href="{path}">{escape(name)}</a> <span class="about">{escape(about)}</span></li>'
        for path, name, about in _LINKS
    )
    return _page(
        "Perdure",
        f"<p>AWS Lambda durable functions, self-hosted. Version {escape(version)}.</p>"
        f"<ul>{links}</ul>"
        "<p>Point AWS's SDKs and command line here:</p>"
        f"<pre>export AWS_ENDPOINT_URL_LAMBDA={escape(base_url.rstrip('/'))}</pre>",
    )


def docs_page(document: Mapping[str, Any]) -> str:
    """The OpenAPI document as one page, grouped by tag."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["Other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    groups = "".join(f"<h2>{escape(tag)}</h2>{''.join(by_tag[tag])}" for tag in sorted(by_tag))
    components = document["components"]["schemas"]
    schemas = "".join(_schema(name, components[name]) for name in sorted(components))
    about = escape(document["info"]["description"])
    return _page("Perdure: API reference", f"<p>{about}</p>{groups}<h2>Schemas</h2>{schemas}")


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    return (
        f'<details><summary><span class="method">{method.upper()}</span>'
        f'<code>{escape(path)}</code> <span class="about">{summary}</span></summary>'
        f"<div>{''.join(_sections(operation))}</div></details>"
    )


def _sections(operation: Mapping[str, Any]) -> Iterator[str]:
    if description := operation.get("description"):
        yield f"<p>{escape(description)}</p>"
    if parameters := operation.get("parameters"):
        yield f"<ul>{''.join(map(_parameter, parameters))}</ul>"
    if body := operation.get("requestBody"):
        yield f"<p>Body: {escape(body.get('description', ''))}</p>"
        yield from map(_json, body["content"].values())


def _parameter(parameter: Mapping[str, Any]) -> str:
    required = ", required" if parameter.get("required") else ""
    about = escape(parameter.get("description", ""))
    schema = escape(_compact(parameter.get("schema", {})))
    return (
        f"<li><code>{escape(parameter['name'])}</code> ({parameter['in']}{required}) {about} "
        f'<code class="about">{schema}</code></li>'
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    return f"<details><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>"


def _json(value: Any) -> str:
    return f"<pre>{escape(to_json(value, indent=2).decode())}</pre>"


def _compact(schema: Mapping[str, Any]) -> str:
    return to_json({key: value for key, value in schema.items() if key != "title"}).decode()


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'  # or browsers ask for /favicon.ico
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
