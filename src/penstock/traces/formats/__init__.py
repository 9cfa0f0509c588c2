"""Uploaded objects, of whatever shape, as traces: each object is one.

| shape | told by | file |
| --- | --- | --- |
| what `GET /traces/export` writes | `penstockTrace` | exported.py |
| an agent's events | `events` that have a `type` | events.py |
| a span with `children` or `spans`, or a single call with input and output | anything else | tree.py |

An object without ids gets them from its content, so that the same object again is the same trace.
"""

from __future__ import annotations

from penstock.traces.formats import events, exported, tree
from penstock.traces.formats.base import Found, NotATrace, Upload

__all__ = ["Found", "NotATrace", "Upload", "trace_in"]


def trace_in(upload: Upload) -> Found:
    """The trace in an uploaded object. Raises `NotATrace` saying what is missing."""
    if "resourceSpans" in upload.value:
        raise NotATrace("it is a message of OTLP; send it to POST /v1/traces")
    if exported.fits(upload.value):
        return exported.read(upload)
    if events.fits(upload.value):
        return events.read(upload)
    return tree.read(upload)
