"""Traces on a terminal: lists, and one as a tree beside its time line."""

from __future__ import annotations

from collections.abc import Sequence

import click

from penstock.cli.output import note, plain, show_json, show_table
from penstock.cli.session import Session
from penstock.client.trace_objects import Trace, TraceLine, TraceUpload

BAR_CELLS = 32
SHOWN_LINES = 500
_SHOWN_ERRORS = 20
_DEEPEST = 12


def show_traces(session: Session, found: Sequence[Trace], none: str) -> None:
    """A list of traces: a table for people, JSON for scripts."""
    if session.as_json:
        show_json([trace.to_dict() for trace in found])
    elif not found:
        note(none)
    else:
        columns = ("id", "name", "started", "took", "status", "spans", "tokens", "usd", "source")
        show_table(columns, [_row(trace) for trace in found])


def show_trace(trace: Trace, lines: Sequence[TraceLine]) -> None:
    """What a trace amounts to, its tree beside the time line, and what it consumed."""
    for name, value in _facts(trace):
        if value:
            click.echo(f"{name:>8}  {value}")
    whole = max([trace.duration_ms or 0.0, *(line.offset_ms + (line.duration_ms or 0.0) for line in lines)])
    rows = [_line(line, whole) for line in lines]
    show_table(("span", "kind", "time line", "took", "tokens", "usd"), rows)
    if trace.span_count > len(lines):
        note(f"The first {len(lines)} of {trace.span_count} spans; all of them: penstock traces export")
    if trace.model_calls:
        shares = [share for share in trace.shares if share.model or share.kind in ("llm", "embedding")]
        columns = ("model", "kind", "calls", "errors", "took", "tokens in", "tokens out", "usd")
        show_table(
            columns,
            [
                (
                    share.model or "unknown",
                    share.kind,
                    share.spans,
                    share.errors,
                    took(share.busy_ms),
                    share.input_tokens,
                    share.output_tokens,
                    share.cost_usd if not share.unpriced_calls else f"{share.cost_usd} + ?",
                )
                for share in shares
            ],
        )


def show_upload(session: Session, upload: TraceUpload) -> None:
    """How many traces came in, and the lines that went wrong, on standard error."""
    if session.as_json:
        show_json(upload.to_dict())
        return
    again = f", {upload.repeated_spans} spans were there already" if upload.repeated_spans else ""
    note(f"{len(upload.ids)} traces, {upload.new_spans} new spans{again}")
    for error in upload.errors[:_SHOWN_ERRORS]:
        note(f"  line {error.line}: {plain(error.message)}")
    if len(upload.errors) > _SHOWN_ERRORS:
        note(f"  … and {len(upload.errors) - _SHOWN_ERRORS} more; all of them with --json")


def bar(offset_ms: float, duration_ms: float | None, whole_ms: float) -> str:
    """A place on the time line; a span that has no end, or none that can be seen, is a point."""
    if whole_ms <= 0:
        return "·"
    first = min(BAR_CELLS - 1, int(BAR_CELLS * max(0.0, offset_ms) / whole_ms))
    cells = int(BAR_CELLS * (duration_ms or 0.0) / whole_ms + 0.5)
    return "." * first + ("█" * min(cells, BAR_CELLS - first) or "|")


def took(duration_ms: float | None) -> str:
    """A duration for people."""
    if duration_ms is None:
        return ""
    return f"{duration_ms / 1000:.2f} s" if duration_ms >= 1000 else f"{duration_ms:.1f} ms"


def _row(trace: Trace) -> tuple[object, ...]:
    return (
        trace.id,
        trace.name,
        trace.started_at,
        took(trace.duration_ms),
        trace.status if not trace.error_count else f"{trace.status} ({trace.error_count} errors)",
        trace.span_count,
        trace.input_tokens + trace.output_tokens,
        trace.cost_usd,
        trace.source,
    )


def _line(line: TraceLine, whole_ms: float) -> tuple[object, ...]:
    indent = "│ " * min(line.depth, _DEEPEST)
    failed = " ✗" if line.status == "error" else ""
    tokens = "" if line.input_tokens is None and line.output_tokens is None else _tokens(line)
    named = plain(line.name or line.kind)
    return (
        f"{indent}{named}{failed}",
        line.model or line.kind,
        bar(line.offset_ms, line.duration_ms, whole_ms),
        took(line.duration_ms),
        tokens,
        line.cost_usd,
    )


def _tokens(line: TraceLine) -> str:
    return f"{line.input_tokens or 0} → {line.output_tokens or 0}"


def _facts(trace: Trace) -> list[tuple[str, str]]:
    return [
        ("trace", f"{trace.id}  ({plain(trace.trace_id)})"),
        ("name", plain(trace.name)),
        ("from", plain(" · ".join(part for part in (trace.source, trace.filename) if part))),
        ("status", f"{trace.status}, {trace.error_count} of {trace.span_count} spans failed"),
        ("started", plain(trace.started_at)),
        ("input", plain(trace.input)),
        ("output", plain(trace.output)),
        ("metadata", plain(dict(trace.metadata)) if trace.metadata else ""),
    ]
