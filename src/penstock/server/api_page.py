"""The OpenAPI document as a page to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from penstock.server.pages import render
from penstock.server.problems import MEDIA_TYPE

View: TypeAlias = dict[str, Any]

_DEPTH = 3


def api_page(document: Mapping[str, Any], root: str) -> bytes:
    """The page; `root` is the path under which the API stands (empty, or `/v1`)."""
    groups: dict[str, list[View]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            groups.setdefault(tag, []).append(_operation(document, path, method, operation))
    context = {
        "title": "API",
        "root": root,
        "version": document["info"]["version"],
        "paragraphs": _paragraphs(document["info"]["description"]),
        "groups": [{"name": name, "operations": operations} for name, operations in groups.items()],
    }
    return render("api.html", context)


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> View:
    return {
        "id": f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "paragraphs": _paragraphs(operation.get("description", "")),
        "parameters": [_parameter(document, parameter) for parameter in operation.get("parameters", ())],
        "body": _content(document, operation.get("requestBody", {})),
        "responses": [
            {
                "status": status,
                "description": response["description"],
                "headers": [
                    {"name": name, "type": "header", "required": False, "description": described["description"]}
                    for name, described in response.get("headers", {}).items()
                ],
                "content": _content(document, response),
            }
            for status, response in operation["responses"].items()
        ],
    }


def _parameter(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> View:
    schema = parameter["schema"]
    return {
        "name": parameter["name"],
        "type": f"{_type(document, schema)}, in {parameter['in']}",
        "required": parameter.get("required", False),
        "description": parameter.get("description") or schema.get("description", ""),
    }


def _content(document: Mapping[str, Any], owner: Mapping[str, Any]) -> list[View]:
    shapes = []
    for media, described in owner.get("content", {}).items():
        schema = _resolved(document, described.get("schema", {}))
        # The same for every refusal, so its fields would be most of the page.
        fields = [] if media == MEDIA_TYPE else list(_fields(document, schema, "", 0))
        shapes.append(
            {
                "media": media,
                "type": "" if fields else _type(document, schema),
                "description": schema.get("description", ""),
                "fields": fields,
            }
        )
    return shapes


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, depth: int) -> Iterator[View]:
    """One row for each property, the nested ones under dotted names."""
    if depth == _DEPTH:
        return
    for name, declared in schema.get("properties", {}).items():
        resolved = _resolved(document, declared)
        yield {
            "name": prefix + name,
            "type": _type(document, declared),
            "required": name in schema.get("required", ()),
            "description": declared.get("description") or resolved.get("description", ""),
        }
        inner = _resolved(document, resolved.get("items", resolved))
        nested = f"{prefix}{name}[]." if "items" in resolved else f"{prefix}{name}."
        yield from _fields(document, inner, nested, depth + 1)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _type(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    resolved = _resolved(document, schema)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in resolved:
            return " or ".join(dict.fromkeys(_type(document, option) for option in resolved[alternatives]))
    if "enum" in resolved:
        return " | ".join(str(value) for value in resolved["enum"])
    if "const" in resolved:
        return str(resolved["const"])
    kind = resolved.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(document, resolved.get('items', {}))}"
    return str(resolved.get("format") or kind)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]
