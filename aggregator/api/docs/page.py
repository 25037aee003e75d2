"""The OpenAPI document as a page for people, with a form to try each route. No script is needed to read it."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from aggregator.api.docs.schema import schema_html, type_name

Html = str


def page(document: dict[str, Any]) -> Html:
    """The whole page."""
    info = document["info"]
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    tags = [tag for tag in document["tags"] if tag["name"] in groups]
    shared = document["components"]["schemas"]
    menu = "".join(
        f'<li><a href="#{tag["name"]}">{escape(tag["name"])}</a><ul>'
        + "".join(f'<li><a href="#{operation["operationId"]}"><code>{_path(path.removeprefix("/api"))}</code></a></li>'
                  for _, path, operation in groups[tag["name"]])
        + "</ul></li>" for tag in tags)
    body = "".join(
        f'<section id="{tag["name"]}"><h2>{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>'
        + "".join(_operation(*item, shared) for item in groups[tag["name"]]) + "</section>" for tag in tags)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(info["title"])} API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/docs.css">
<script src="/docs/docs.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the routes</a>
<header>
<h1>{escape(info["title"])} <small>API {escape(info["version"])}</small></h1>
<input id="filter" type="search" placeholder="Filter routes  ( / )" aria-label="Filter routes" hidden>
<a href="/api/openapi.json">openapi.json</a>
<button id="theme" type="button" hidden>Dark</button>
</header>
<nav aria-label="Routes"><ul>{menu}</ul></nav>
<main id="main">
<p class="lead">{escape(info["description"])}</p>
{_failure_note(shared)}
{body}
</main>
</body>
</html>
"""


def _failure_note(shared: dict[str, Any]) -> Html:
    example = {"error": {"code": "unknown_parameter", "message": "unknown parameter 'sinc'", "field": "sinc",
                         "cure": "did you mean 'since'?"}}
    about = escape(shared.get("ErrorBody", {}).get("description", ""))
    return (f"<details class=note><summary>Every failure has one shape</summary><p>{about}</p>"
            f"<pre>{escape(json.dumps(example, indent=2))}</pre></details>")


def _operation(method: str, path: str, operation: dict[str, Any], shared: dict[str, Any]) -> Html:
    socket = "x-websocket" in operation
    word = "WS" if socket else method
    story = "".join(f"<p>{_prose(part)}</p>" for part in operation.get("description", "").split("\n\n") if part)
    return (
        f'<details class="route" id="{operation["operationId"]}" data-method="{word}" data-path="{escape(path)}">'
        f'<summary><b class="method {word.lower()}">{word}</b><code>{_path(path)}</code>'
        f'<span>{escape(operation["summary"])}</span></summary>'
        f"<div class=inside>{story}{_form(operation, socket)}{_answers(operation, shared)}</div></details>")


def _path(path: str) -> Html:
    """Braced parts stand out, and a long path may break at its slashes."""
    return escape(path).replace("/", "<wbr>/").replace("{", "<em>{").replace("}", "}</em>")


def _form(operation: dict[str, Any], socket: bool) -> Html:
    rows = "".join(_parameter(entry) for entry in operation["parameters"])
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        rows += ('<label class=field><span class=name>body <i>required</i></span>'
                 '<textarea name=body data-in=body rows=4 spellcheck=false></textarea>'
                 '<span class=hint>JSON.</span></label>')
    elif "requestBody" in operation:
        rows += ('<label class=field><span class=name>body <i>required</i></span>'
                 '<input type=file name=body data-in=body accept="image/*"><span class=hint>A picture.</span></label>')
    verb = "Connect" if socket else "Send"
    return (f"<form><div class=fields>{rows}</div><div class=actions><button type=submit>{verb}</button>"
            '<code class=command></code></div><div class=outcome hidden aria-live=polite></div></form>')


def _parameter(entry: dict[str, Any]) -> Html:
    schema = entry["schema"]
    default = schema.get("default")
    example = (schema.get("examples") or [""])[0]
    hint = _prose(entry["description"])
    limits = _limits(schema)
    attributes = f'name="{entry["name"]}" data-in="{entry["in"]}"' + (" required" if entry["required"] else "")
    if schema.get("type") == "array":
        attributes += " data-many=yes"
    if "enum" in schema or schema.get("type") == "boolean":
        options = schema.get("enum", [True, False])
        chosen = "".join(f"<option>{escape(_text(option))}</option>" for option in options)
        control = f'<select {attributes}><option value="">{escape(_text(default))}</option>{chosen}</select>'
    else:
        shown = _text(default) if default not in (None, []) else example
        control = f'<input {attributes} placeholder="{escape(str(shown))}" autocomplete=off spellcheck=false>'
    needed = " <i>required</i>" if entry["required"] else ""
    return (f'<label class=field><span class=name>{escape(entry["name"])}{needed}'
            f"<small>{escape(type_name(schema))}{limits}</small></span>{control}<span class=hint>{hint}</span></label>")


def _prose(text: str) -> Html:
    """Escaped, with `code` between backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _limits(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None and (high is None or high > 10**9):
        return ""
    return f" · {low:g} to {high:g}" if low is not None and high is not None and high < 10**9 else f" · from {low:g}"


def _answers(operation: dict[str, Any], shared: dict[str, Any]) -> Html:
    if "x-websocket" in operation:
        return f'<h3>Messages</h3>{schema_html(operation["x-websocket"]["messages"], shared)}'
    parts = []
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            continue
        for media, content in answer.get("content", {}).items():
            shape = schema_html(content["schema"], shared) if media == "application/json" else ""
            parts.append(f"<h3>{status} <small>{escape(media)}</small></h3>{shape}")
    failures = ", ".join(status for status in operation["responses"] if int(status) >= 400)
    return "".join(parts) + f"<p class=failures>May fail with {failures}.</p>"
