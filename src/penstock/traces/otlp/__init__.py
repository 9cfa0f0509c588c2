"""OTLP over HTTP: requests of traces in both encodings, and what is answered to them.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from penstock.traces.otlp.answers import accepted, refused
from penstock.traces.otlp.reading import NotReadable, ReceivedRequest, read_json, read_protobuf

__all__ = ["NotReadable", "ReceivedRequest", "accepted", "read_json", "read_protobuf", "refused"]
