# Made from ../_async by scripts/unasync.py: change it there.
"""Sends calls: the one place that knows the HTTP library, and where a call is sent again."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from penstock.client import calls
from penstock.client._sync.runtime import read_chunks, sleep, write_chunks
from penstock.client.calls import Answer, Call
from penstock.client.errors import APIConnectionError, APIError, APITimeoutError
from penstock.client.objects import Page

T = TypeVar("T")
_PAGE_LIMIT = 100
_STREAM_PATIENCE = 4


class Transport:
    """One server, one key, one pool of connections."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        max_retries: int,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds
        self._max_retries = max_retries
        self._reached = False
        # A stream is there to be watched for hours, so it outlasts the restart of a server, which takes longer.
        self.stream_retries = max_retries * _STREAM_PATIENCE
        self._http = httpx2.Client(base_url=url, headers=dict(headers), transport=transport)

    def send(self, call: Call) -> Answer:
        """Send a call, again where that may help, and return its answer.

        Raises an APIStatusError for status 400 and above, APIConnectionError when there is no answer.
        """
        attempt, started = 0, time.monotonic()
        while True:
            attempt += 1
            try:
                return self._once(call)
            except APIError as failure:
                delay = calls.delay_before_retry(call, failure, attempt)
                if delay is None or (attempt > self._max_retries and not self._outlasts(call, failure, started)):
                    raise
            sleep(delay)

    def _outlasts(self, call: Call, failure: APIError, started: float) -> bool:
        """Whether a wait goes on when the retries are used up: for a server that was there, not for a wrong address."""
        if not self._reached or not self._max_retries:
            return False
        return calls.outlasts(call, failure, time.monotonic() - started)

    def fetch(self, call: Call, kind: type[T]) -> T:
        """Send a call and read its answer as a value of this type."""
        return (self.send(call)).parse(kind)

    def pages(self, path: str, kind: type[T], /, *, most: int | None = None, **query: str | int | None) -> Pages[T]:
        """The elements of a list: all, or the first `most`."""
        return Pages(self, path, kind, most, query)

    def stream(self, call: Call) -> Generator[bytes, None]:
        """An answer's body as it comes. Raises an APIStatusError for status 400 and above."""
        with self._opened(call) as response:
            if response.status_code >= 400:
                raise calls.refusal(_whole(response))
            yield from response.iter_bytes()

    def download(self, call: Call, target: Path) -> int:
        """Write an answer's body to a file as it comes; returns its bytes."""
        with self._opened(call) as response:
            if response.status_code >= 400:
                raise calls.refusal(_whole(response))
            return write_chunks(target, response.iter_bytes())

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _once(self, call: Call) -> Answer:
        with self._opened(call) as response:
            answer = _whole(response)
        if answer.status >= 400:
            raise calls.refusal(answer)
        return answer

    @contextmanager
    def _opened(self, call: Call) -> Iterator[httpx2.Response]:
        content: Any = read_chunks(call.body) if isinstance(call.body, Path) else call.body
        request = self._http.build_request(
            call.method,
            call.path,
            params=call.query or None,
            headers=dict(call.headers),
            content=content,
            timeout=httpx2.Timeout(self._timeout_seconds, read=self._timeout_seconds + call.hold_seconds),
        )
        try:
            response = self._http.send(request, stream=True)
            self._reached = True
            try:
                yield response
            finally:
                response.close()
        except httpx2.TimeoutException as fault:
            raise APITimeoutError(f"no answer from {self.url} in time ({type(fault).__name__})") from fault
        except httpx2.ConnectError as fault:
            raise APIConnectionError(
                f"cannot reach Penstock at {self.url} ({fault}); is it running there, and is PENSTOCK_URL right?"
            ) from fault
        except (httpx2.TransportError, httpx2.DecodingError) as fault:
            self._reached = True
            raise APIConnectionError(f"the connection to {self.url} was lost: {fault}") from fault
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as fault:
            raise APIConnectionError(f"{self.url!r} is no address of a server: {fault}") from fault


class Pages(Iterator[T]):
    """The elements of a list, one after the other; or `page()`, for a reader who keeps the place where it goes on."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        kind: type[T],
        most: int | None,
        query: Mapping[str, str | int | None],
    ) -> None:
        self._transport = transport
        self._path = path
        self._kind = kind
        self._query = query
        self._elements = self._walk(sys.maxsize if most is None else most, None if most is None else _PAGE_LIMIT)

    def __next__(self) -> T:
        return self._elements.__next__()

    def page(self, cursor: str | None = None, limit: int | None = None) -> Page:
        """One page: from the beginning, or from where the `next_cursor` of another one says; at most `limit`."""
        call = calls.get(self._path, cursor=cursor, limit=limit, **self._query)
        page = (self._transport.send(call)).parse(Page)
        return Page(data=tuple(calls.parse(one, self._kind) for one in page.data), next_cursor=page.next_cursor)

    def _walk(self, left: int, at_once: int | None) -> Generator[T, None]:
        cursor: str | None = None
        while left > 0:
            page = self.page(cursor, None if at_once is None else min(left, at_once))
            yield from page.data[:left]
            left -= len(page.data)
            cursor = page.next_cursor
            if cursor is None:
                return


def _whole(response: httpx2.Response) -> Answer:
    body = response.read()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body)
