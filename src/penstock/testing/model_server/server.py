"""The server itself: a plain asyncio protocol over httptools, so that it is not what a benchmark measures.

Beside the models' paths: `GET /calls`, `GET /stats`, `POST /script`, `POST /reset`, `GET /healthz`.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, cast

import httptools
import msgspec

from penstock.clock import now_ms
from penstock.models.providers.scripted import count_tokens, reply
from penstock.testing.model_server.script import Rule, Script, ScriptFile, read_script
from penstock.testing.model_server.wire import Asked, read_call

MAX_REMEMBERED_CALLS = 100_000
_MAX_PROMPT_CHARS = 2_000
_DRIP_SECONDS = 0.1
_DEFAULT = Rule()
_FULL = Rule(status=429, error="too many calls at once")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Received:
    """One call as it came in: the `number`-th, at this time in milliseconds since 1970."""

    asked: Asked
    key: str | None
    number: int
    at: int


class State:
    """What all connections share: the script, and what was answered."""

    def __init__(self, script: ScriptFile, delay_ms: float, log: BinaryIO | None) -> None:
        self.connections: set[Connection] = set()
        self._log = log
        self._delay_ms = delay_ms
        self.apply(script)
        self.reset()

    def apply(self, script: ScriptFile) -> None:
        """Put a script in the place of the one in force."""
        self.script = Script(script.rules)
        self.delay_seconds = (self._delay_ms if script.delay_ms is None else script.delay_ms) / 1000
        self.capacity = math.inf if script.capacity is None else script.capacity

    def reset(self) -> None:
        """Forget the calls; the log file keeps them."""
        self.number = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.aborted = 0
        self.last_received_at = 0
        self.statuses: Counter[int] = Counter()
        self.calls: deque[bytes] = deque(maxlen=MAX_REMEMBERED_CALLS)

    def record(self, call: Received, status: int, behaviour: str, output_tokens: int = 0) -> None:
        """Write a call down, before its answer leaves: the log is never behind what a client has seen."""
        line = _encode(
            {
                "n": call.number,
                "receivedAt": call.at,
                "at": now_ms(),
                "model": call.asked.model,
                "prompt": call.asked.last[:_MAX_PROMPT_CHARS],
                "idempotencyKey": call.key,
                "status": status,
                "behaviour": behaviour,
                "inputTokens": call.asked.prompt_tokens,
                "outputTokens": output_tokens,
            }
        )
        self.calls.append(line)
        self.statuses[status] += 1
        if self._log is not None:
            self._log.write(line + b"\n")

    def stats(self) -> bytes:
        return _encode(
            {
                "calls": self.number,
                "inFlight": self.in_flight,
                "mostInFlight": self.most_in_flight,
                "aborted": self.aborted,
                "lastReceivedAt": self.last_received_at,
                "statuses": {str(status): count for status, count in self.statuses.items()},
            }
        )


class Connection(asyncio.Protocol):
    """One connection of a client; one request at a time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._key: str | None = None
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._state.aborted += 1
            self._leave()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._send(400, b'{"error":{"message":"not HTTP"}}', close=True)

    def close(self) -> None:
        """Drop the client, whatever it is waiting for."""
        if self._transport is not None:
            self._transport.abort()

    # What httptools calls

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"idempotency-key":
            self._key = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method()
        path = self._url.partition(b"?")[0].decode("latin-1")
        body = b"".join(self._body)
        key = self._key
        self._begin()
        try:
            asked = read_call(path, body) if method == b"POST" else None
            if asked is not None:
                self._call(asked, key)
            else:
                self._send(*self._control(method, path, body))
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            self._send(400, _encode({"error": {"message": f"cannot read the request: {error}"}}))

    # The models

    def _call(self, asked: Asked, key: str | None) -> None:
        state = self._state
        state.number += 1
        state.in_flight += 1
        state.most_in_flight = max(state.most_in_flight, state.in_flight)
        full = state.in_flight > state.capacity
        rule = _FULL if full else state.script.rule(asked.model, asked.last) or _DEFAULT
        delay = 0.0 if full else state.delay_seconds + rule.delay_ms / 1000
        call = Received(asked, key, state.number, now_ms())
        state.last_received_at = call.at
        loop = asyncio.get_running_loop()
        if rule.behaviour == "hang":
            state.record(call, 0, rule.behaviour)
            # A handle that never fires in a test's life: closing the connection is what ends it.
            self._timer = loop.call_later(86_400, self._leave)
        elif rule.behaviour == "drip":
            body, tokens = self._body_of(call, rule)
            if self._transport is not None:
                self._transport.write(_head(200, rule.headers, len(body)))
            self._drip(call, tokens, body, max(1, math.ceil(delay / _DRIP_SECONDS)))
        elif delay:
            self._timer = loop.call_later(delay, self._answer, call, rule)
        else:
            self._answer(call, rule)

    def _leave(self) -> None:
        self._timer = None
        self._state.in_flight -= 1

    def _answer(self, call: Received, rule: Rule) -> None:
        self._leave()
        if rule.status != 200:
            self._state.record(call, rule.status, rule.behaviour)
            headers = dict(rule.headers)
            if rule.retry_after_seconds is not None:
                headers["Retry-After"] = f"{rule.retry_after_seconds:g}"
            self._send(rule.status, _encode({"error": {"message": rule.error, "type": "scripted"}}), headers)
            return
        body, tokens = self._body_of(call, rule)
        self._state.record(call, 200, rule.behaviour, tokens)
        if rule.behaviour == "rubbish":
            self._send(200, b"<html>this is not what you think it is", rule.headers)
        elif rule.behaviour == "cut":
            self._send(200, body, rule.headers, cut=True)
        else:
            self._send(200, body, rule.headers)

    def _body_of(self, call: Received, rule: Rule) -> tuple[bytes, int]:
        """The answer, and how many tokens its text has."""
        asked = call.asked
        text = rule.says(asked.model, asked.last, call.number)
        if text is None:
            text = reply(asked.model, asked.last, asked.schema)
        return asked.write(asked, text, rule.finish_reason, call.number), count_tokens(text)

    def _drip(self, call: Received, tokens: int, rest: bytes, times: int) -> None:
        """Send a share of what is left of a body, and the others later."""
        share = math.ceil(len(rest) / times)
        if times == 1:
            self._leave()
            self._state.record(call, 200, "drip", tokens)
        else:
            self._timer = asyncio.get_running_loop().call_later(
                _DRIP_SECONDS, self._drip, call, tokens, rest[share:], times - 1
            )
        if self._transport is not None:
            self._transport.write(rest[:share])

    # Everything else

    def _control(self, method: bytes, path: str, body: bytes) -> tuple[int, bytes]:
        state = self._state
        match (method, path):
            case (b"GET", "/calls"):
                return 200, b"[" + b",".join(state.calls) + b"]"
            case (b"GET", "/stats"):
                return 200, state.stats()
            case (b"GET", "/healthz"):
                return 200, b'{"status":"ok"}'
            case (b"POST", "/script"):
                state.apply(read_script(body))
                return 200, b"{}"
            case (b"POST", "/reset"):
                state.reset()
                return 200, b"{}"
        return 404, b'{"error":{"message":"no such path"}}'

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, close: bool = False, cut: bool = False
    ) -> None:
        if self._transport is None:
            return
        self._transport.write(_head(status, headers, len(body)) + (body[: len(body) // 2] if cut else body))
        if close or cut or not self._parser.should_keep_alive():
            self._transport.close()


def _head(status: int, headers: dict[str, str] | None, length: int) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""
    return (
        f"HTTP/1.1 {status} {_phrase(status)}\r\ncontent-type: application/json\r\n"
        f"content-length: {length}\r\n{more}\r\n"
    ).encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Scripted"


async def serve(state: State, host: str, port: int, stop: asyncio.Event, ready: asyncio.Future[int]) -> None:
    """Serve until `stop` is set; `ready` gets the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), host, port, backlog=4096)
    ready.set_result(server.sockets[0].getsockname()[1])
    try:
        await stop.wait()
    finally:
        server.close()
        for connection in list(state.connections):
            connection.close()
        await server.wait_closed()
