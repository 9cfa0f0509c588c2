"""The main job from end to end: a real server, real flows, real rows, a real model. `make demo` runs this.

    python examples/demo.py            runs and ends
    python examples/demo.py --keep     stays up afterwards until Ctrl-C, to be played with (or KEEP=1)

Everything is in a temporary folder, which is removed at the end. With OPENAI_API_KEY, ANTHROPIC_API_KEY or
GEMINI_API_KEY set that provider is used, else a small model in this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from demo_processes import ServerDied, end_of, serve_penstock, serve_site
from rich.console import Console
from rich.table import Table

from penstock import ExecutionHandle, Penstock, PenstockError
from penstock.cli.output import plain
from penstock.client.objects import Execution, Item
from penstock.client.progress import facts

EXAMPLES = Path(__file__).resolve().parent
FIRST_REVIEW = "The lid fell off on the first day."
ROWS_SHOWN = 10
SECONDS_BETWEEN_LINES = 5
LONGER_REVIEWS = 4000

is_terminal = sys.stdout.isatty()
console = Console(highlight=False, markup=False, width=None if is_terminal else 100)


class Demo:
    """The steps, on one server that is running."""

    def __init__(self, penstock: Penstock, site_url: str) -> None:
        self.penstock = penstock
        self.site_url = site_url

    def run(self) -> None:
        """Every step, in order. Raises PenstockError when one does not work."""
        started = time.monotonic()
        self.load_flows()
        self.answer_one_request()
        handle = self.triage_all_rows()
        self.show_results(handle)
        self.repair(handle)
        self.digest_the_site()
        self.enrich_contacts()
        say(f"\nThe flows took {time.monotonic() - started:.0f} s in all.", "bold")

    def load_flows(self) -> None:
        title("Load examples/")
        for file in sorted(EXAMPLES.glob("*.yaml")):
            flow = self.penstock.flows.create(file.read_text(encoding="utf-8"))
            say(f"{flow.name:17} version {flow.version}, from {file.name}")
        for file in sorted(EXAMPLES.glob("*.csv")):
            report = self.penstock.datasets.import_file(file)
            say(f"{report.dataset.name:17} {report.rows} rows, from {file.name}")

    def answer_one_request(self) -> None:
        title("In the request: the answer is the result")
        say(f'POST /flows/review-triage/execute  {{"review": "{FIRST_REVIEW}"}}', "cyan")
        began = time.monotonic()
        result = self.penstock.flows.execute("review-triage", {"review": FIRST_REVIEW})
        say(plain(result))
        model = self.model_used()
        loaded = ", which was loaded for it" if model.startswith("local/") else ""
        say(f"200 in {time.monotonic() - began:.1f} s, by {model}{loaded}", "dim")

    def model_used(self) -> str:
        """The model of the newest execution, as its log has it."""
        newest = next(iter(self.penstock.executions.list(limit=1)))
        lines = self.penstock.executions.get(newest.execution_id).logs()
        return next((line.detail["model"] for line in lines if line.detail and "model" in line.detail), "no model")

    def triage_all_rows(self) -> ExecutionHandle:
        title("In the background: every row of reviews.csv")
        handle = self.penstock.flows.run("review-triage", dataset="reviews")
        say(f"POST /flows/review-triage/executions  → 202 {handle.id}", "cyan")
        follow(handle)
        return handle

    def show_results(self, handle: ExecutionHandle) -> None:
        items = list(handle.items("succeeded"))
        chosen = items[:: max(1, len(items) // ROWS_SHOWN)][:ROWS_SHOWN]
        table(["product", "stars", "sentiment", "reason"], [_review_row(item) for item in chosen])
        agreeing = sum(1 for item in items if (item.output["sentiment"] == "good") == (item.input["stars"] >= 4))
        say(f"{len(chosen)} of {len(items)} results; the verdict agrees with the stars in {agreeing} of {len(items)}.")

    def repair(self, handle: ExecutionHandle) -> None:
        """Show what failed and why, mend the flow, and run only that again, in the same execution."""
        failed = list(handle.items("failed"))
        if not failed:
            return
        title("What failed, and running only that again")
        for item in failed:
            reason = item.error.message if item.error else "no reason was kept"
            say(f"item {item.path}: {plain(reason)}", "red")
        say(f"So: raise maxLength to {LONGER_REVIEWS} in the flow, and retry with its new version.")
        say(f"  penstock flows push examples/review_triage.yaml --url {self.penstock.url}", "cyan")
        say(f"  penstock executions retry {handle.id} --flow-version 2 --url {self.penstock.url}", "cyan")
        text = (EXAMPLES / "review_triage.yaml").read_text(encoding="utf-8")
        mended = self.penstock.flows.update(
            "review-triage", text.replace("maxLength: 600", f"maxLength: {LONGER_REVIEWS}")
        )
        handle.retry(flow_version=mended.version)
        follow(handle)
        (item,) = (item for item in handle.items("succeeded") if item.path == failed[0].path)
        say(f"item {item.path} of the same execution: {plain(item.output)}")

    def digest_the_site(self) -> None:
        title("Crawl a site: map, scrape, split, summarise, flatten")
        body = {"start": self.site_url}
        say(f"POST /flows/site-digest/execute  Prefer: wait=2  {json.dumps(body)}", "cyan")
        answer = self.penstock.flows.execute("site-digest", body, wait=2)
        if isinstance(answer, ExecutionHandle):
            say(f"202 after 2 s: the same execution goes on as {answer.id}")
            follow(answer)
            answer = answer.results()
        table(["page", "in a few words"], [(page["title"], page["gist"]) for page in answer["pages"]])

    def enrich_contacts(self) -> None:
        title("Enrich contacts.csv row by row: source, condition, model, sink")
        handle = self.penstock.flows.execute_async("enrich-contacts")
        say(f"POST /flows/enrich-contacts/execute-async  → 202 {handle.id}", "cyan")
        follow(handle)
        rows = list(self.penstock.datasets.rows("enriched-contacts"))
        columns = ["name", "domain", "kind", "work"]
        table(columns, [[row[name] for name in columns] for row in rows[:6]])
        calls = handle.progress.usage.model_calls
        say(f"6 of {len(rows)} rows of the data set enriched-contacts; {calls} needed the model.")


def follow(handle: ExecutionHandle) -> None:
    """Wait for a run: with a live bar on a terminal, else with a line every few seconds."""
    final = handle.wait(on_progress=None if sys.stderr.isatty() else _teller(), show_progress=True)
    if not sys.stderr.isatty():
        say(f"{final.status}: {facts(final)}")


def _teller() -> Callable[[Execution], None]:
    last = time.monotonic()

    def tell(state: Execution) -> None:
        nonlocal last
        if not state.done and time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{state.progress:3} %  {facts(state)}", "dim")

    return tell


def _review_row(item: Item) -> Sequence[object]:
    return item.input["product"], item.input["stars"], item.output["sentiment"], item.output["reason"]


def title(text: str) -> None:
    """A heading."""
    console.print(f"\n{text}", style="bold green")


def say(text: str, style: str | None = None) -> None:
    """A line, which is not cut: commands in it are there to be copied."""
    console.print(text, style=style, soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table whose last column gives way. What models and pages wrote is shown as text, without control characters."""
    shown = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    cells = [[plain(cell) for cell in row] for row in rows]
    for index, column in enumerate(columns):
        is_last = index == len(columns) - 1
        widest = max(len(text) for text in (column, *(row[index] for row in cells)))
        shown.add_column(column, overflow="ellipsis", no_wrap=True, min_width=None if is_last else widest)
    for row in cells:
        shown.add_row(*row)
    console.print(shown)


def show_doors(url: str, key: str, *, keep: bool) -> None:
    """Where the API and its documentation are, and for how long."""
    title("Where to go on")
    say(f"The API:        {url}/docs, and as OpenAPI {url}/openapi.json")
    say(f"One flow:       {url}/flows/review-triage/docs, to read and to try")
    if keep:
        say(f"Command line:   export PENSTOCK_URL={url} PENSTOCK_API_KEY={key}")
        say("                .venv/bin/penstock executions list")
        say("\nIt stays up until Ctrl-C.", "bold")
    else:
        say("They end with this demo. `make demo KEEP=1` keeps them up, and prints the key.", "dim")


def run(*, keep: bool) -> None:
    """The whole demo. Raises PenstockError or ServerDied; leaves no process and no file behind."""
    key = f"demo-{secrets.token_urlsafe(24)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-demo-")))
        title("Start Penstock")
        began = time.monotonic()
        site_url = stack.enter_context(serve_site(folder))
        url = stack.enter_context(serve_penstock(folder, key))
        say(f"It listens on {url} after {time.monotonic() - began:.1f} s, with SQLite in {folder}")
        penstock = stack.enter_context(Penstock(url, key))
        try:
            Demo(penstock, site_url).run()
        except KeyboardInterrupt:
            say("\nStopping …")
            raise
        except PenstockError:
            say(f"\nThe end of the server's log:\n{end_of(folder / 'server.log')}", "dim")
            raise
        show_doors(url, key, keep=keep)
        if keep:
            signal.pause()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Shows Penstock at work, from end to end.")
    is_kept = os.environ.get("KEEP", "") not in ("", "0")
    parser.add_argument("--keep", action="store_true", default=is_kept, help="Stay up afterwards, until Ctrl-C.")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run(keep=options.keep)
    except KeyboardInterrupt:
        say("\nStopped; the server is down and its folder is gone.")
        return 130
    except (PenstockError, ServerDied, OSError) as fault:
        say(f"\nThe demo cannot go on: {fault}", "red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
