"""The web interface on its first load: when the list of executions is painted, and what JavaScript that took.

Each load is by a fresh browser profile on a fresh connection, with nothing cached, against a server with 200
executions.
First paint is what the browser itself reports (Paint Timing, first contentful paint, from the start of the navigation);
the list is there when its first row is in the page. JavaScript is counted as it came over the wire. The address is
opened twice before anything is counted, so that the server has read its files.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.report import Report, at_most

EXECUTIONS = 200
_PAINT = """() => new Promise((resolve) => {
  const told = (list) => list.getEntriesByName('first-contentful-paint').forEach((entry) => resolve(entry.startTime));
  new PerformanceObserver(told).observe({ type: 'paint', buffered: true });
})"""
_ROW = """() => new Promise((resolve) => {
  const look = () => document.querySelector('tbody tr') ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
_SCRIPTS = """() => performance.getEntriesByType('resource')
  .filter((entry) => entry.name.includes('.js')).reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


def measure(report: Report, *, quick: bool) -> None:
    """Median of several loads. Raises RuntimeError where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    from penstock.testing.model_server import ModelServer
    from penstock.testing.penstock_process import API_KEY, PenstockProcess
    from penstock.testing.showcase import Showcase

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("this drives chromium, which is not on this machine")
    paints, rows, scripts = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        ModelServer.start() as model,
        PenstockProcess(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        show = Showcase(server, model)
        show.prepare()
        for _ in range(20 if quick else EXECUTIONS):
            last = show.begin(2)
        server.wait(last)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for turn in range(-2, 3 if quick else 15):
            context = browser.new_context()
            context.add_init_script(f"sessionStorage.setItem('penstock.key', '{API_KEY}')")
            page = context.new_page()
            page.goto(f"{server.url}/executions")
            row = page.evaluate(_ROW)
            paint = page.evaluate(_PAINT)
            if turn >= 0:
                paints.append(paint / 1000)
                rows.append(row / 1000)
                scripts.append(page.evaluate(_SCRIPTS) / 1000)
            context.close()
        browser.close()
    report.add("first paint of the executions page, median", statistics.median(paints), "s", target=at_most(1))
    report.add("first paint, worst", max(paints), "s")
    report.add("first row of the list, median", statistics.median(rows), "s")
    report.add("JavaScript of the first load, compressed", max(scripts), "kB", target=at_most(350))
    report.note(f"{len(paints)} loads with nothing cached, {EXECUTIONS} executions in the store, over loopback.")
