"""What the OpenAPI document says about a route, written beside the route.

Handlers read their bodies and write their answers themselves, so FastAPI only knows their parameters; `doc` tells the
rest. Types are named here and turned into schemas by `openapi.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import Path, Query

from penstock.server.bodies import JSON
from penstock.server.problems import MEDIA_TYPE

Schema: TypeAlias = Mapping[str, Any]

ANY: Schema = {}
OBJECT: Schema = {"type": "object", "additionalProperties": True}
TEXT: Schema = {"type": "string"}
BINARY: Schema = {"type": "string", "format": "binary"}

MAX_PAGE = 500

Cursor = Annotated[str | None, Query(max_length=500, description="`nextCursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many to list at most.")]


def path_id(name: str) -> Any:
    """A path parameter: `Annotated[str, path_id("flowId")]`."""
    return Path(alias=name, min_length=1, max_length=300)


def ref(kind: type | str) -> Schema:
    """A reference to a schema by the type that defines it."""
    name = kind if isinstance(kind, str) else kind.__name__
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(kind: type | Schema) -> Schema:
    """The schema of a page of `kind`."""
    items = ref(kind) if isinstance(kind, type) else kind
    return {
        "type": "object",
        "required": ["data", "nextCursor"],
        "properties": {
            "data": {"type": "array", "items": dict(items)},
            "nextCursor": {"type": ["string", "null"], "description": "Null on the last page."},
        },
    }


def content(schemas: Mapping[str, Schema]) -> Schema:
    """An OpenAPI `content` object: schema by media type."""
    return {"content": {media: {"schema": dict(schema)} for media, schema in schemas.items()}}


def doc(
    summary: str,
    *,
    status: int = 200,
    returns: Schema | None = None,
    body: Schema | None = None,
    problems: tuple[int, ...] = (),
    responses: Mapping[int, Schema] | None = None,
    extra: Schema | None = None,
) -> dict[str, Any]:
    """Keyword arguments of a route's decorator.

    `returns` and `body` are JSON schemas; `problems` are the refusals worth naming beside those that any route may
    give; `responses` are whole OpenAPI responses by status, `extra` more members of the operation.
    """
    described: dict[int | str, Any] = {status: {"description": HTTPStatus(status).phrase}}
    if returns is not None:
        described[status] |= content({JSON: returns})
    described |= {code: dict(response) for code, response in (responses or {}).items()}
    described |= {code: _problem(HTTPStatus(code).phrase) for code in problems}
    described["default"] = _problem("A refusal")
    more = dict(extra or {})
    if body is not None:
        more["requestBody"] = {"required": True, **content({JSON: body})}
    return {"summary": summary, "status_code": status, "responses": described, "openapi_extra": more}


def header(name: str, description: str, schema: Schema = TEXT) -> Schema:
    """An optional request header."""
    return {"name": name, "in": "header", "required": False, "description": description, "schema": dict(schema)}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, **content({MEDIA_TYPE: ref("Problem")})}
