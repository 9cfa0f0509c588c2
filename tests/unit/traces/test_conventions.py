"""What senders say in their several ways means the same here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.traces.conventions import understood

USER = {"role": "user", "content": "What is 6 times 7?"}
ANSWER = {"role": "assistant", "content": "42"}
CALL = {"id": "c1", "name": "multiply", "arguments": {"a": 6, "b": 7}}

CURRENT_GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "What is 6 times 7?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", **CALL}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "42"}], "finish_reason": "stop"}]
    ),
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 2,
    "gen_ai.usage.cache_read.input_tokens": 8,
}
OLDEST_GEN_AI = {
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "What is 6 times 7?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "42",
    "gen_ai.usage.prompt_tokens": 20,
    "gen_ai.usage.completion_tokens": "2",
    "llm.request.type": "chat",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.provider": "openai",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "What is 6 times 7?",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "42",
    "llm.token_count.prompt": 20,
    "llm.token_count.completion": 2,
    "llm.cost.total": 0.0001,
    "input.value": "{}",
}
PLAIN = {"kind": "llm", "model": "gpt-4o", "prompt": "What is 6 times 7?", "answer": "42", "prompt_tokens": 20.0}


def test_messages_with_parts_become_plain_messages() -> None:
    found = understood("chat", CURRENT_GEN_AI)
    assert found["kind"] == "llm"
    assert found["model"] == "gpt-4o-2024-08-06"
    assert found["provider"] == "openai"
    assert found["input"] == [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    assert found["output"] == [{**ANSWER, "finish_reason": "stop"}]
    assert (found["input_tokens"], found["output_tokens"], found["cached_tokens"]) == (20, 2, 8)


@pytest.mark.parametrize("attributes", [OLDEST_GEN_AI, OPENINFERENCE], ids=["oldest gen_ai", "openinference"])
def test_numbered_messages_are_put_together(attributes: dict[str, Any]) -> None:
    found = understood("chat", attributes)
    assert (found["kind"], found["model"]) == ("llm", "gpt-4o")
    assert (found["input"], found["output"]) == ([USER], [ANSWER])
    assert (found["input_tokens"], found["output_tokens"]) == (20, 2)


def test_messages_of_events_are_read() -> None:
    events = [
        {"name": "gen_ai.user.message", "attributes": {"content": USER["content"], "gen_ai.system": "openai"}},
        {"name": "something.else", "attributes": {"content": "no"}},
        {"name": "gen_ai.choice", "attributes": {"index": 0, "message": json.dumps(ANSWER)}},
    ]
    found = understood("chat", {"gen_ai.operation.name": "chat"}, events)
    assert found["input"] == [USER]
    assert found["output"] == [{**ANSWER, "index": 0}]


def test_the_events_with_all_messages_are_read() -> None:
    events = [
        {"name": "gen_ai.content.prompt", "attributes": {"gen_ai.prompt": json.dumps([USER])}},
        {"name": "gen_ai.content.completion", "attributes": {"gen_ai.completion": json.dumps([ANSWER])}},
    ]
    found = understood("chat", {"gen_ai.request.model": "m"}, events)
    assert (found["kind"], found["input"], found["output"]) == ("llm", [USER], [ANSWER])


def test_details_may_stand_in_an_event() -> None:
    event = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": {"gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "42"}]}]},
    }
    assert understood("chat", {"gen_ai.operation.name": "chat"}, [event])["output"] == [ANSWER]


def test_calls_of_tools_and_parts_of_openinference() -> None:
    found = understood(
        "chat",
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "Look",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "multiply",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"a": 6, "b": 7}',
        },
    )
    assert found["input"] == [{"role": "user", "content": [{"type": "text", "text": "Look"}]}]
    assert found["output"] == [{"role": "assistant", "tool_calls": [CALL]}]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}, "agent"),
        ({"gen_ai.operation.name": "embeddings"}, "embedding"),
        ({"gen_ai.request.model": "m", "llm.request.type": "embedding"}, "embedding"),
        ({"openinference.span.kind": "RETRIEVER"}, "retrieval"),
        ({"openinference.span.kind": "EVALUATOR"}, "judge"),
        ({"traceloop.span.kind": "workflow"}, "chain"),
        ({"span.type": "tool"}, "tool"),
        ({"model": "m", "prompt_tokens": 3}, "llm"),
        ({"model": "T"}, None),
        ({"openinference.span.kind": "NEW"}, None),
    ],
)
def test_kinds(attributes: dict[str, Any], kind: str | None) -> None:
    assert understood("x", attributes).get("kind") == kind


def test_plain_attributes() -> None:
    found = understood("ask", PLAIN)
    assert found == {"kind": "llm", "model": "gpt-4o", "input": PLAIN["prompt"], "output": "42", "input_tokens": 20}


def test_what_is_retrieved_is_the_output() -> None:
    found = understood(
        "find",
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "q",
            "retrieval.documents.1.document.content": "second",
            "retrieval.documents.0.document.content": "first",
        },
    )
    assert (found["input"], found["output"]) == ("q", [{"content": "first"}, {"content": "second"}])


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": "no JSON", "gen_ai.output.messages": 7},
        {"gen_ai.input.messages": "[" * 5000},
        {"gen_ai.prompt.x.role": "user", "gen_ai.prompt.": 1, "gen_ai.prompt": ""},
        {"llm.input_messages.0": "text", "llm.input_messages.0.message.role": "user"},
        {"llm.input_messages.999999999.message.tool_calls.0": 1},
        {"llm.input_messages.0." + "a." * 5000: 1},
        {"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": True, "llm.cost.total": "NaN"},
        {"gen_ai.usage.input_tokens": 10**30, "cost": "1e999999", "model": 7, "kind": ["llm"]},
    ],
)
def test_nonsense_says_nothing(attributes: dict[str, Any]) -> None:
    found = understood("x", attributes)
    assert not {"input_tokens", "output_tokens", "cost_usd", "model", "kind"} & set(found)


def test_costs_are_decimals_as_sent() -> None:
    assert understood("x", OPENINFERENCE)["cost_usd"] == "0.0001"
    assert understood("x", {"llm.cost.total": 1e-07})["cost_usd"] == "0.0000001"
