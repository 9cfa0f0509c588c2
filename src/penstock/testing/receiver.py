"""A receiver of webhooks on loopback, in a thread: it keeps what comes, and answers as it is told.

with WebhookReceiver() as receiver:
    receiver.answer(500)
    ...
    first, second = receiver.wait_for(2)
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class ReceivedWebhook:
    """One request: `headers` with lower-case names, and the body as it was signed."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers.get("webhook-id", "")


class WebhookReceiver:
    """Answers 200, unless `answer` has given other statuses: those come first, in their order."""

    def __init__(self, port: int = 0) -> None:
        self._changed = threading.Condition()
        self._received: list[ReceivedWebhook] = []
        self._answers: deque[int] = deque()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook-receiver")
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def answer(self, *statuses: int) -> None:
        """Answer the next requests with these."""
        self._answers.extend(statuses)

    def received(self) -> list[ReceivedWebhook]:
        """What has come so far."""
        with self._changed:
            return list(self._received)

    def wait_for(self, count: int) -> list[ReceivedWebhook]:
        """What has come, once there are so many. Raises TimeoutError after 30 s."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, PATIENCE_SECONDS):
                raise TimeoutError(f"{len(self._received)} webhooks came, not {count}")
            return list(self._received)

    def take(self, webhook: ReceivedWebhook) -> int:
        """Keep a request; the status to answer it with."""
        with self._changed:
            self._received.append(webhook)
            self._changed.notify_all()
            return self._answers.popleft() if self._answers else 200

    def __enter__(self) -> WebhookReceiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: WebhookReceiver, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever sends may be killed in the middle."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = self.server.receiver.take(ReceivedWebhook({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""
