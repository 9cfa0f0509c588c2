"""Following a run by its events, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from penstock.client import calls
from penstock.client._async.runtime import sleep
from penstock.client._async.transport import AsyncTransport
from penstock.client.errors import APIConnectionError, APIError
from penstock.client.events import Cursor, Decoder, DoneEvent, Event, GoneEvent


async def follow(transport: AsyncTransport, cursor: Cursor) -> AsyncGenerator[Event, None]:
    """Every event from the cursor on, to the end of the run.

    A stream that breaks off is taken up behind the last event, with growing pauses while nobody answers. Raises the
    APIError that stands in the way when that does not help.
    """
    attempt = 0
    while True:
        call = cursor.call()
        decoder = Decoder()
        failure: APIError = APIConnectionError("the stream of events ended before the run did")
        try:
            async with aclosing(transport.stream(call)) as chunks:
                async for chunk in chunks:
                    for message in decoder.feed(chunk):
                        attempt = 0
                        event = cursor.take(message)
                        if event is not None:
                            yield event
                        if isinstance(event, DoneEvent | GoneEvent):
                            return
        except APIError as fault:
            failure = fault
        attempt += 1
        delay = calls.delay_before_retry(call, failure, attempt)
        if delay is None or attempt > transport.stream_retries:
            raise failure
        await sleep(delay)
