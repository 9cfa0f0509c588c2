"""How to call a deployed flow, in five languages. Every value is written as that language's own literal."""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY_VARIABLE = "PENSTOCK_API_KEY"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code that calls a flow."""

    label: str
    language: str
    code: str


def snippets(address: str, flow: str, example: Mapping[str, Any]) -> list[Snippet]:
    """Code for curl, Python (requests, and the SDK), JavaScript and Go.

    `address` is where the API stands, `flow` the flow's name or id, `example` an input that fits its schema.
    """
    url = f"{address}/flows/{flow}/execute"
    return [
        Snippet("curl", "Shell", _curl(url, example)),
        Snippet("Python, requests", "Python", _requests(url, example)),
        Snippet("Python, Penstock SDK", "Python", _sdk(address, flow, example)),
        Snippet("JavaScript", "JavaScript", _javascript(url, example)),
        Snippet("Go", "Go", _go(url, example)),
    ]


def example_of(schema: Mapping[str, Any]) -> Any:
    """A value that shows what a JSON Schema wants: its example, default or first choice, else a plain value."""
    for known in (schema.get("examples"), [schema["default"]] if "default" in schema else None, schema.get("enum")):
        if known:
            return known[0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {})
            return {n: example_of(s) for n, s in properties.items() if n in required or "examples" in s}
        case "array":
            return [example_of(schema["items"])] if schema.get("items") else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "…"


def _curl(url: str, example: Mapping[str, Any]) -> str:
    return (
        f"curl {shlex.quote(url)} \\\n"
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(_json(example))}"
    )


def _requests(url: str, example: Mapping[str, Any]) -> str:
    return f"""import os

import requests

response = requests.post(
    {_json(url)},
    headers={{"Authorization": f"Bearer {{os.environ['{KEY_VARIABLE}']}}"}},
    json={_python(example, 9)},
)
response.raise_for_status()
print(response.json())"""


def _sdk(address: str, flow: str, example: Mapping[str, Any]) -> str:
    return f"""from penstock import Penstock

with Penstock({_json(address)}) as penstock:  # the key comes from {KEY_VARIABLE}
    results = penstock.flows.execute({_json(flow)}, {_python(example, 37)})
    print(results)"""


def _javascript(url: str, example: Mapping[str, Any]) -> str:
    return f"""const response = await fetch({_json(url)}, {{
  method: "POST",
  headers: {{
    Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}`,
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({_json(example)}),
}});
if (!response.ok) throw new Error(await response.text());
console.log(await response.json());"""


def _go(url: str, example: Mapping[str, Any]) -> str:
    return f"""package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {{
	body := strings.NewReader({_json(_json(example))})
	request, err := http.NewRequest("POST", {_json(url)}, body)
	if err != nil {{
		panic(err)
	}}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("{KEY_VARIABLE}"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {{
		panic(err)
	}}
	defer response.Body.Close()
	results, err := io.ReadAll(response.Body)
	if err != nil {{
		panic(err)
	}}
	fmt.Println(response.Status, string(results))
}}"""


def _json(value: Any) -> str:
    # Not escaped to ASCII: Go knows no surrogate pairs. U+2028 and U+2029 end a line in old JavaScript.
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _python(value: Any, indent: int) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n" + " " * indent)
