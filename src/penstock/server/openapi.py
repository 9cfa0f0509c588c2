"""The OpenAPI 3.1 document of the whole API. `python -m penstock.server.openapi` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from penstock.accounts.scopes import SCOPES
from penstock.server.auth import Needs

DESCRIPTION = """\
Runs AI flows, in the request or in the background: it is the same execution either way.

Every path also stands under `/v1`. Send a key as `Authorization: Bearer <key>` or as `X-API-Key: <key>`. Lists are
paged: `?cursor=` takes `nextCursor` of the page before. A body may have 10 MB and 64 levels, a file of a data set 2 GB,
unless the operator of the server has set other limits. Refusals are `application/problem+json` (RFC 9457), and every
response carries `X-Request-ID`.
"""

PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457). A route may add members.",
    "required": ["type", "title", "status", "detail", "code", "requestId"],
    "properties": {
        "type": {"type": "string", "description": "A URN of the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do, for people."},
        "code": {"type": "string", "description": "What is wrong, for programs."},
        "requestId": {"type": "string", "description": "Also in the header X-Request-ID and in the server's log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {"type": "string"},
                    "message": {"type": "string"},
                    "line": {"type": "integer"},
                },
            },
        },
    },
}

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A Penstock key, `psk_…`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}


def build(app: FastAPI, routes: Iterable[APIRoute], types: Iterable[type]) -> dict[str, Any]:
    """The document; `types` are the pydantic models and msgspec structs that routes refer to by name."""
    document = get_openapi(
        title="Penstock",
        version=version("penstock"),
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for route in routes:
        _secure(document["paths"][route.path_format], route)
    of_parameters = document.get("components", {}).get("schemas", {})
    document["components"] = {
        "schemas": {"Problem": PROBLEM, **of_parameters, **schemas_of(types)},
        "securitySchemes": SECURITY_SCHEMES,
    }
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    return document


def schemas_of(types: Iterable[type]) -> dict[str, Any]:
    """JSON Schemas by type name, with those of the types they are made of."""
    listed = list(types)
    models = [(kind, "validation") for kind in listed if issubclass(kind, BaseModel)]
    structs = [kind for kind in listed if issubclass(kind, msgspec.Struct)]
    _, from_models = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    _, from_structs = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    return {**from_models.get("$defs", {}), **from_structs}


def _secure(operations: Mapping[str, dict[str, Any]], route: APIRoute) -> None:
    needs = next((d.call for d in route.dependant.dependencies if isinstance(d.call, Needs)), None)
    for method in route.methods or ():
        operation = operations[method.lower()]
        if needs is None:
            operation["security"] = []
            continue
        about = (
            "Needs a key"
            if needs.scope is None
            else f"Needs a key with the scope `{needs.scope}` ({SCOPES[needs.scope]})"
        )
        operation["description"] = f"{operation.get('description', '')}\n\n{about}".strip()


def main() -> None:
    """Print the document as this version serves it."""
    from penstock.server.app import create_app
    from penstock.settings import Settings

    print(msgspec.json.encode(create_app(Settings()).openapi()).decode())


if __name__ == "__main__":
    main()
