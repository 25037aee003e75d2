"""JSON schemas as tables for people."""

from __future__ import annotations

from html import escape
from typing import Any

PREFIX = "#/components/schemas/"
DEEPEST = 5


def type_name(schema: dict[str, Any]) -> str:
    """A schema in a word or two: `text`, `list of numbers` …"""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    if "anyOf" in schema:
        return " or ".join(type_name(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(option) for option in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(type_name(item) for item in schema["prefixItems"]) + "]"
        return f"list of {type_name(schema.get('items', {}))}"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    words = {"string": "text", "integer": "whole number", "boolean": "yes or no", "object": "map"}
    return words.get(str(kind), str(kind or "anything"))


def schema_html(schema: dict[str, Any], shared: dict[str, Any], depth: int = 0) -> str:
    """The fields of an object as a table, with the objects inside it below their field."""
    schema, listed = _object(schema, shared)
    fields = schema.get("properties")
    if not fields or depth > DEEPEST:
        return "" if depth else f"<p>{escape(type_name(schema))}</p>"
    rows = []
    for name, field in fields.items():
        inner = schema_html(field, shared, depth + 1)
        about = escape(field.get("description", ""))
        rows.append(f"<tr><th scope=row><code>{escape(name)}</code></th><td><small>{escape(_short(field))}</small></td>"
                    f"<td>{about}{inner}</td></tr>")
    lead = "<p>A list of:</p>" if listed and not depth else ""
    return f"{lead}<table>{''.join(rows)}</table>"


def _short(field: dict[str, Any]) -> str:
    return type_name(field).replace(" or null", ", or null")


def _object(schema: dict[str, Any], shared: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The object that a schema means: itself, what it refers to, or what it lists; and whether it is a list."""
    if "$ref" in schema:
        return _object(shared[str(schema["$ref"]).removeprefix(PREFIX)], shared)
    if schema.get("type") == "array" and "items" in schema:
        return _object(schema["items"], shared)[0], True
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return _object(options[0], shared) if len(options) == 1 else (schema, False)
