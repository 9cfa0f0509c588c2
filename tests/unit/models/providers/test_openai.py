from __future__ import annotations

from penstock.models.providers.base import Endpoint
from penstock.models.providers.openai import request_body
from penstock.models.wire import Image, Message, ModelRequest

OPENAI = Endpoint("openai", "https://api.openai.com/v1", "gpt-4o-mini")
ELSEWHERE = Endpoint("openai", "http://127.0.0.1:8000/v1", "llama")


def body(endpoint: Endpoint = OPENAI, **more: object) -> dict[str, object]:
    return request_body(endpoint, ModelRequest("x", (Message("user", "hi"),), **more))  # type: ignore[arg-type]


def test_parameters_get_the_wires_names_and_unknown_ones_pass() -> None:
    params = {"temperature": 0, "maxTokens": 5, "topP": 0.5, "seed": 1, "stop": ["x"], "reasoning_effort": "low"}
    sent = body(ELSEWHERE, params=params)
    assert sent["max_tokens"] == 5
    assert sent["top_p"] == 0.5
    assert (sent["temperature"], sent["seed"], sent["stop"], sent["reasoning_effort"]) == (0, 1, ["x"], "low")


def test_openai_itself_gets_the_newer_name_of_the_token_limit() -> None:
    sent = body(OPENAI, params={"maxTokens": 5})
    assert sent["max_completion_tokens"] == 5
    assert "max_tokens" not in sent


def test_a_schema_is_strict_only_when_it_is_closed_and_complete() -> None:
    closed = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
    for schema, strict in ((closed, True), ({**closed, "required": []}, False), ({"type": "object"}, False)):
        sent = body(schema=schema)["response_format"]
        assert sent["json_schema"]["strict"] is strict  # type: ignore[index]


def test_images_become_parts() -> None:
    request = ModelRequest("x", (Message("user", "look", (Image("https://x.example/a.png"),)),))
    content = request_body(OPENAI, request)["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
    ]
