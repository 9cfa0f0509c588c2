"""Takes the pictures of docs/ui.md: each page of the web interface, from real runs, light and dark, wide and narrow.

python scripts/screenshots.py FOLDER [PAGE ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess
from penstock.testing.showcase import Showcase

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
THEMES = ("light", "dark")
DOCUMENTED = {
    "executions": "wide-light",
    "running": "wide-light",
    "item": "wide-light",
    "pace": "wide-dark",
    "palette": "wide-dark",
    "partial": "narrow-light",
}
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
Shot = Callable[[Page], None]


def main() -> None:
    with _scene() as (url, pages), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, (address, ready) in pages.items():
            for look, file in _files(name):
                _take(browser, url + address, ready, look, file)
        browser.close()


def _files(name: str) -> Iterator[tuple[str, Path]]:
    """Which pictures are taken of a page: their size and theme, and where they are put."""
    if len(sys.argv) == 1:
        if name in DOCUMENTED:
            yield DOCUMENTED[name], IMAGES / f"ui-{name}.png"
        return
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    if not wanted or name in wanted:
        for size in SIZES:
            for theme in THEMES:
                yield f"{size}-{theme}", folder / f"{name}-{size}-{theme}.png"


def _take(browser: Browser, address: str, ready: Shot, look: str, file: Path) -> None:
    size, theme = look.split("-")
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    if not address.endswith("/sign-in"):
        page.add_init_script(f"sessionStorage.setItem('penstock.key', '{API_KEY}')")
    page.goto(address)
    ready(page)
    page.wait_for_timeout(400)
    page.screenshot(path=file)
    context.close()
    print(file)


@contextmanager
def _scene() -> Iterator[tuple[str, dict[str, tuple[str, Shot]]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        ModelServer.start(delay_ms=15) as model,
        PenstockProcess(Path(folder) / "data") as server,
    ):
        show = Showcase(server, model)
        show.prepare()
        partial = show.finished(240)
        show.finished(36, first=3)
        cancelled = show.begin(900, concurrency=4)
        server.client.get(f"/executions/{cancelled}", params={"wait": 1})
        show.act(cancelled, "cancel")
        paused = show.begin(400, concurrency=2, budget={"usd": "0.02"})
        server.client.get(f"/executions/{paused}", params={"wait": 20})
        running = show.begin(40_000, concurrency=8, budget={"usd": "60"})
        server.client.get(f"/executions/{running}", params={"wait": 3})
        yield server.url, _pages(partial, cancelled, paused, running)


def _pages(partial: str, cancelled: str, paused: str, running: str) -> dict[str, tuple[str, Shot]]:
    def seen(text: str) -> Shot:
        return lambda page: page.get_by_text(text).first.wait_for()

    def palette(page: Page) -> None:
        page.get_by_text("completed · partial").first.wait_for()
        page.keyboard.press("Control+k")
        page.keyboard.type("review")
        page.get_by_role("listbox").get_by_role("option").nth(2).wait_for()

    def drawn(page: Page) -> None:
        page.locator(".uplot").nth(1).wait_for()

    def chosen(page: Page) -> None:
        page.get_by_role("checkbox").first.check()
        page.get_by_role("button", name="Cancel").click()

    return {
        "sign-in": ("/sign-in", seen("Sign in to Penstock")),
        "executions": ("/executions", seen("completed · partial")),
        "palette": ("/executions", palette),
        "bulk": ("/executions", chosen),
        "nothing": ("/executions?q=nothing", seen("No execution fits")),
        "running": (f"/executions/{running}", seen("live")),
        "partial": (f"/executions/{partial}", seen("refused")),
        "item": (f"/executions/{partial}?item=4", seen("refused by the safety system")),
        "item-good": (f"/executions/{partial}?item=0", seen("Output")),
        "paused": (f"/executions/{paused}", seen("Paused")),
        "cancelled": (f"/executions/{cancelled}", seen("Cancelled.")),
        "pace": (f"/executions/{running}?tab=pace", drawn),
        "logs": (f"/executions/{partial}?tab=logs", seen("succeeded in")),
        "request": (f"/executions/{partial}?tab=request", seen("curl")),
        "not-found": ("/nowhere", seen("no page")),
    }


if __name__ == "__main__":
    main()
