"""`penstock schedules`."""

from __future__ import annotations

from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.follow import show_handle
from penstock.cli.inputs import InputFileType, typed_inputs
from penstock.cli.output import plain, show_json, show_records
from penstock.cli.session import Session, session_command
from penstock.client.objects import Firing, Schedule
from penstock.client.options import ScheduleOptions

_name = click.argument("schedule", metavar="SCHEDULE", type=NameType())
_COLUMNS = {
    "name": "name",
    "flow": "flow",
    "cron": "cron",
    "zone": "timezone",
    "next": "next_at",
    "last": "last_fired_at",
}


@click.group()
def schedules() -> None:
    """Start flows by the clock.

    A server or worker that is up fires them.
    """


@schedules.command("list")
@session_command()
async def list_schedules(session: Session) -> None:
    """List schedules with when they are due next; none for one that is paused."""
    found = [schedule async for schedule in session.client.schedules.list()]
    none = 'No schedules yet: penstock schedules add NAME FLOW "0 6 * * *"'
    show_records(found, _COLUMNS, as_json=session.as_json, none=none)


@schedules.command()
@click.argument("name", type=NameType())
@click.argument("flow", type=NameType())
@click.argument("cron", type=NameType())
@click.option("--timezone", metavar="ZONE", help="An IANA name such as Europe/Berlin; UTC by default.")
@click.option("--input", "pairs", multiple=True, metavar="NAME=VALUE", help="One input field; may be repeated.")
@click.option("--input-file", "content", type=InputFileType(), help="JSON or YAML: an object, or a list of them.")
@click.option("--dataset", type=NameType(), help="Run on each row of a saved data set, as it is then.")
@click.option("--overlap", type=click.Choice(["skip", "queue", "parallel"]), help="When an earlier run is not over.")
@click.option(
    "--missed",
    type=click.Choice(["skip", "once", "all"]),
    help="Which to fire of due times that passed while nothing was up.",
)
@session_command()
async def add(session: Session, /, name: str, flow: str, cron: str, **options: Any) -> None:
    """Run the saved flow FLOW whenever CRON is due: `"0 6 * * 1-5"`, or @hourly, @daily, @weekly."""
    if sum(1 for source in ("pairs", "content", "dataset") if options[source]) > 1:
        raise click.UsageError("give one of --input, --input-file and --dataset")
    client = session.client
    inputs = options["content"]
    if options["pairs"]:
        declared = ((await client.flows.get(flow)).document or {}).get("input") or {}
        inputs = typed_inputs(options["pairs"], declared)
    wanted = ScheduleOptions(timezone=options["timezone"], overlap=options["overlap"], missed=options["missed"])
    many = [inputs] if isinstance(inputs, dict) else inputs
    made = await client.schedules.create(name, flow, cron, inputs=many, dataset=options["dataset"], options=wanted)
    _show(session, made)


@schedules.command()
@click.argument("name", type=NameType())
@click.argument("cron", type=NameType())
@click.argument("judges", metavar="JUDGE", nargs=-1, required=True, type=NameType())
@click.option("--timezone", metavar="ZONE", help="An IANA name such as Europe/Berlin; UTC by default.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), help="So large a share of the new traces.")
@click.option("--filter", "content", type=InputFileType(), help="JSON or YAML that says which traces.")
@click.option("--pass-rate", type=click.FloatRange(0, 1), help="Tell webhooks when a smaller share passes.")
@session_command()
async def judge(session: Session, /, name: str, cron: str, judges: tuple[str, ...], **options: Any) -> None:
    """Have judges judge new traces whenever CRON is due."""
    least, rate = options["pass_rate"], options["rate"]
    wanted = {
        "filter": options["content"],
        "sample": None if rate is None else {"rate": rate},
        "thresholds": None if least is None else [{"passRate": least}],
    }
    judging = {key: value for key, value in wanted.items() if value is not None}
    zone = ScheduleOptions(timezone=options["timezone"])
    _show(session, await session.client.schedules.judge(name, judges, cron, judging=judging, options=zone))


@schedules.command()
@_name
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="So many firings.")
@session_command()
async def show(session: Session, schedule: str, limit: int) -> None:
    """Show a schedule, and what came of its last due times."""
    found = await session.client.schedules.get(schedule)
    firings = [firing async for firing in session.client.schedules.firings(schedule, limit=limit)]
    if session.as_json:
        show_json({**found.to_dict(), "firings": [firing.to_dict() for firing in firings]})
        return
    _show(session, found)
    for firing in firings:
        click.echo(_line(firing))


@schedules.command()
@_name
@session_command()
async def pause(session: Session, schedule: str) -> None:
    """Fire no more until it is resumed; what passes meanwhile is not missed."""
    _show(session, await session.client.schedules.pause(schedule))


@schedules.command()
@_name
@session_command()
async def resume(session: Session, schedule: str) -> None:
    """Fire again, from the next due time on."""
    _show(session, await session.client.schedules.resume(schedule))


@schedules.command()
@_name
@session_command()
async def run(session: Session, schedule: str) -> None:
    """Run it once more now, and print the handle."""
    show_handle(session, await session.client.schedules.run(schedule))


@schedules.command()
@_name
@session_command()
async def remove(session: Session, schedule: str) -> None:
    """Delete a schedule. The runs it started are kept."""
    await session.client.schedules.delete(schedule)


def _show(session: Session, schedule: Schedule) -> None:
    if session.as_json:
        show_json(schedule.to_dict())
        return
    facts = {
        "schedule": f"{schedule.name} ({schedule.id})",
        **_what(schedule),
        "due": f"{schedule.cron} {schedule.timezone}",
        "next": schedule.next_at if schedule.enabled else "paused",
        "overlap": schedule.overlap,
        "missed": schedule.missed,
    }
    for name, value in facts.items():
        click.echo(f"{name:10}{plain(value)}")


def _what(schedule: Schedule) -> dict[str, object]:
    if schedule.judging is not None:
        return {"judges": schedule.judging.get("judges")}
    return {"flow": schedule.flow or f"{schedule.flow_id}, which is gone"}


def _line(firing: Firing) -> str:
    why = firing.reason.message if firing.reason else None
    parts = (firing.due_at, firing.outcome, firing.execution_id, why)
    return "  ".join(plain(part) for part in parts if part)
