"""Settings of one Penstock process: made once from flags and environment, then passed in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import Invalid


@dataclass(frozen=True)
class Limits:
    """Every limit a caller can run into, with its default. Each has an environment variable `PENSTOCK_<NAME>`."""

    max_body_bytes: int = 10 * 1024 * 1024
    max_input_depth: int = 64
    max_inline_items: int = 100_000
    max_queued_executions: int = 100_000
    max_import_bytes: int = 2 * 1024**3
    max_otlp_bytes: int = 32 * 1024 * 1024
    max_trace_batch_bytes: int = 1024**3
    max_inline_results_bytes: int = 1024 * 1024
    sync_deadline_seconds: float = 300.0
    async_deadline_seconds: float = 1800.0
    max_deadline_seconds: float = 7 * 86400.0
    default_concurrency: int = 50
    max_concurrency: int = 5000
    max_running_executions: int = 256
    max_items_in_flight: int = 5000
    requests_per_minute: int = 0
    max_item_crashes: int = 3
    shutdown_grace_seconds: float = 8.0
    retention_days: int = 0
    max_event_streams: int = 5000
    event_heartbeat_seconds: float = 15.0
    model_cache_days: int = 30

    def check_concurrency(self, concurrency: int) -> None:
        """Raises `Invalid` when nobody may have so many items under way at once."""
        if concurrency > self.max_concurrency:
            raise Invalid("concurrency_too_high", f"Concurrency is at most {self.max_concurrency} here.")

    def deadline_ms(self, seconds: float | None) -> int:
        """A deadline in milliseconds; None takes that of work in the background. Raises `Invalid` for one too far."""
        wanted = seconds or self.async_deadline_seconds
        if wanted > self.max_deadline_seconds:
            raise Invalid("deadline_too_far", f"A deadline is at most {self.max_deadline_seconds:g} s here.")
        return int(wanted * 1000)


@dataclass(frozen=True)
class Settings:
    """Where this process keeps its data, where it listens, and its limits."""

    data_dir: Path = field(default_factory=lambda: Path.home() / ".penstock")
    host: str = "127.0.0.1"
    port: int = 7788
    database_url: str | None = None
    synchronous: str = "FULL"
    limits: Limits = field(default_factory=Limits)
    allowed_networks: tuple[str, ...] = ()
    """Networks (`10.0.0.0/8`) that outgoing requests may reach although they are private."""
    webhook_schedule_seconds: tuple[float, ...] | None = None
    """The wait before each attempt to deliver a webhook; None: ten attempts within 76 hours."""

    @property
    def database_path(self) -> Path:
        return self.data_dir / "penstock.db"


def limits_from_environment() -> Limits:
    """The defaults, each replaced by `PENSTOCK_<NAME>` where that is set.

    Raises ValueError naming the variable when one is not a number.
    """
    values: dict[str, int | float] = {}
    for name, default in vars(Limits()).items():
        variable = f"PENSTOCK_{name.upper()}"
        text = os.environ.get(variable)
        if text is not None:
            try:
                values[name] = type(default)(text)
            except ValueError:
                raise ValueError(f"{variable} must be a number, not {text!r}") from None
    return Limits(**values)  # type: ignore[arg-type]


def settings_from_environment() -> Settings:
    """Settings from `PENSTOCK_DATA`, `_HOST`, `_PORT`, `_DATABASE_URL`, `_SYNCHRONOUS`, `_ALLOWED_NETWORKS`,
    `_WEBHOOK_SCHEDULE_SECONDS`; limits.

    Raises ValueError naming the variable when one makes no sense.
    """
    environment = os.environ
    port = environment.get("PENSTOCK_PORT", "7788")
    if not port.isdigit():
        raise ValueError(f"PENSTOCK_PORT must be a number, not {port!r}")
    return Settings(
        data_dir=Path(environment.get("PENSTOCK_DATA", Path.home() / ".penstock")).expanduser(),
        host=environment.get("PENSTOCK_HOST", "127.0.0.1"),
        port=int(port),
        database_url=environment.get("PENSTOCK_DATABASE_URL"),
        synchronous=environment.get("PENSTOCK_SYNCHRONOUS", "FULL"),
        limits=limits_from_environment(),
        allowed_networks=tuple(filter(None, environment.get("PENSTOCK_ALLOWED_NETWORKS", "").split(","))),
        webhook_schedule_seconds=_schedule(environment.get("PENSTOCK_WEBHOOK_SCHEDULE_SECONDS")),
    )


def _schedule(text: str | None) -> tuple[float, ...] | None:
    if not text:
        return None
    try:
        waits = tuple(float(wait) for wait in text.split(","))
    except ValueError:
        waits = ()
    if not waits or not all(0 <= wait < float("inf") for wait in waits):
        raise ValueError(f"PENSTOCK_WEBHOOK_SCHEDULE_SECONDS must be seconds with commas between, not {text!r}")
    return waits
