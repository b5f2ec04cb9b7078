"""The operations of the API, as `wsaas/api/openapi.json` has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docs.generated.markup import heading, table, with_code, wrapped

DOCUMENT = Path(__file__).resolve().parents[2] / "wsaas" / "api" / "openapi.json"
HERE = "http://localhost:8081"
ID = "4fT0kQ2zx8Kd93Lm1aB5cD7eF9gH0iJk"
OF_ALL = {"401", "403"}
"""Statuses that the page explains once."""
Schema = dict[str, Any]


def text(arguments: list[str]) -> str:
    """Return a section for each tag, with its operations; then the objects of the answers."""
    document: Schema = json.loads(DOCUMENT.read_text())
    lines: list[str] = []
    for tag in (each["name"] for each in document["tags"]):
        found = [each for each in operations(document) if tag in each[2]["tags"]]
        if found:
            lines += heading(tag, "=")
        for method, path, operation in found:
            lines += of_operation(method, path, operation)
    lines += heading("Objects", "=")
    for name, schema in document["components"]["schemas"].items():
        if schema.get("properties") and name in answered(document):
            lines += heading(f"{name} object", "-") + members(schema)
    return "\n".join(lines)


def operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield method, path and description of each operation."""
    for path, its in document["paths"].items():
        for method, operation in its.items():
            yield method.upper(), path, operation


def answered(document: Schema) -> set[str]:
    """Return the names of the objects with which operations answer."""
    return {name for *_, operation in operations(document) for name in map(schema_of, operation["responses"].values())}


def of_operation(method: str, path: str, operation: Schema) -> list[str]:
    lines = heading(f"{method} {path}", "-")
    lines += [*wrapped(with_code(operation["description"])), "", ".. code-block:: bash", ""]
    lines += [f"    {curl(method, path, operation)}"]
    given = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    if given:
        rows = [[f"``{each['name']}``", with_code(each.get("description", "")) or "."] for each in given]
        lines += table(["parameter", "meaning"], [25, 75], rows)
    bodies: dict[str, list[str]] = {}
    for status, answer in sorted(operation["responses"].items()):
        if status not in OF_ALL:
            name = schema_of(answer)
            body = f"`{name} object`_" if name else ", ".join(answer.get("content", ())) or "no body"
            bodies.setdefault(body, []).append(f"``{status}``")
    return lines + table(["status", "body"], [25, 75], ([", ".join(its), body] for body, its in bodies.items()))


def schema_of(answer: Schema) -> str:
    """Return the name of the object in an answer's body, or an empty string."""
    for content in answer.get("content", {}).values():
        return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    return ""


def curl(method: str, path: str, operation: Schema) -> str:
    """Return the command that sends such a request."""
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            example = ID if each["name"] == "id" else str(each.get("example", f"{ID}_1_message"))
            path = path.replace(f"{{{each['name']}}}", quote(example, safe=":"))
    options = [] if method == "GET" else [f"-X {method}"]
    if "requestBody" in operation:
        options.append('-d \'{"hello": "world"}\'')
    if path == "/-/events":
        options.append("-N")
    return " ".join(["curl", *options, f"{HERE}{path}"])


def members(schema: Schema) -> list[str]:
    rows = [
        [f"``{name}``", kind(member), with_code(member.get("description", "")) or values(member)]
        for name, member in schema["properties"].items()
    ]
    return table(["member", "type", "meaning"], [25, 20, 55], rows)


def kind(member: Schema) -> str:
    types = member.get("type", "string")
    return " or ".join(types) if isinstance(types, list) else str(types)


def values(member: Schema) -> str:
    """Return the words that a member can be."""
    return ", ".join(f"``{value}``" for value in member.get("enum", ()))
