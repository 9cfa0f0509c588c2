"""`penstock`: the entry point."""

from __future__ import annotations

import click

from penstock.cli.lazy import Entry, LazyGroup

ENTRIES = {
    "up": Entry("penstock.cli.server:up", "Start the server and a worker in one process."),
    "serve": Entry("penstock.cli.server:serve", "Start the server alone; workers run elsewhere."),
    "worker": Entry("penstock.cli.server:worker", "Start a worker alone."),
    "run": Entry("penstock.cli.run:run", "Run a flow file, on one input or on many rows."),
    "flows": Entry("penstock.cli.flows:flows", "Keep flows: list, show, push, deploy, validate."),
    "executions": Entry("penstock.cli.executions:executions", "Follow and steer runs."),
    "eval": Entry("penstock.cli.evaluations:evaluations", "Evaluate models and flows on benchmarks."),
    "experiments": Entry("penstock.cli.experiments:experiments", "Hold variants of one thing against each other."),
    "leaderboards": Entry("penstock.cli.leaderboards:leaderboards", "Rank models by what was evaluated."),
    "traces": Entry("penstock.cli.traces:traces", "Look into traces: list, search, show, import, export."),
    "benchmarks": Entry(
        "penstock.cli.benchmarks:benchmarks", "Keep benchmarks: rows with a truth, that evaluations run on."
    ),
    "datasets": Entry("penstock.cli.datasets:datasets", "Import, list and export data sets."),
    "scorers": Entry("penstock.cli.scorers:scorers", "Say what an answer is worth: list, save and try scorers."),
    "annotations": Entry(
        "penstock.cli.annotations:labels", "Keep what people say of traces: add, list, import, export."
    ),
    "judges": Entry("penstock.cli.judges:judges", "Let models judge traces and answers: make, change and run judges."),
    "optimizations": Entry(
        "penstock.cli.optimizations:optimizations",
        "Find better instructions for judges and prompts, against what people labelled.",
    ),
    "schedules": Entry("penstock.cli.schedules:schedules", "Start flows by the clock."),
    "webhooks": Entry("penstock.cli.webhooks:webhooks", "Tell other systems what becomes of runs."),
    "keys": Entry("penstock.cli.keys:keys", "Create, list and revoke API keys."),
    "members": Entry("penstock.cli.members:members", "Let people sign in with an e-mail address and a password."),
    "usage": Entry("penstock.cli.usage:usage", "Show what was used: calls, tokens, dollars, compute units."),
    "units": Entry("penstock.cli.units:units", "Grant compute units, and say what things take."),
    "limits": Entry("penstock.cli.limits:limits", "Show and change what a project may have."),
    "models": Entry("penstock.cli.models:models", "Look for models; save, test and choose them."),
    "mcp": Entry("penstock.cli.mcp:mcp", "Let an assistant read traces, run flows and evaluations, and make judges."),
    "backup": Entry("penstock.cli.backup:backup", "Copy the store to a file, also while it is in use."),
    "restore": Entry("penstock.cli.backup:restore", "Bring a backup back into a data folder."),
    "doctor": Entry("penstock.cli.doctor:doctor", "Say what is installed, set, and healthy."),
}

EPILOG = """\b
With PENSTOCK_URL set (or --url) commands talk to that server, with the key in
PENSTOCK_API_KEY; else they use the data folder of this machine directly.

\b
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some items failed,
4 a demand on an evaluation is not met, 124 still running when --wait was over,
130 interrupted."""


@click.group(cls=LazyGroup, entries=ENTRIES, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock", message="penstock %(version)s")
def cli() -> None:
    """Run AI flows and evaluations, in the request or in the background: the same execution either way."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    cli(prog_name="penstock")
