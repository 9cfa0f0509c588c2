"""A browser, and a server with runs of every kind in it. One of each for all of these tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess
from penstock.testing.showcase import Showcase

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 15_000
Open = Callable[..., Page]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showcase]:
    if not (ROOT / "src" / "penstock" / "server" / "ui" / "index.html").exists():
        pytest.fail("The web interface is not built; run `make ui` first.")
    data = tmp_path_factory.mktemp("interface") / "data"
    with ModelServer.start(delay_ms=5) as model, PenstockProcess(data) as server:
        show = Showcase(server, model)
        show.prepare()
        yield show


@pytest.fixture
def slow_model(show: Showcase) -> Iterator[None]:
    """Every call takes so long that a run is still under way when it is looked at."""
    show.model.script([{"regex": ".", "text": "slow", "delayMs": 400}])
    yield
    show.prepare_answers()


# For a module and no longer: the driver keeps an event loop in this thread, and other tests want their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("These tests drive Chromium, and there is none: on Debian, `apt-get install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, show: Showcase) -> Iterator[Open]:
    """Opens an address, signed in unless `key` is None. No page may write an error to its console, or break a policy.

    `unreachable` is for tests that take the server away: the browser itself writes down what it did not reach.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_it(
        address: str, *, key: str | None = API_KEY, theme: str = "light", width: int = 1280, unreachable: bool = False
    ) -> Page:
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if message.type in ("error", "warning") and not (unreachable and "Failed to load" in message.text)
                else None
            ),
        )
        if key is not None:
            page.add_init_script(f"sessionStorage.getItem('left') || sessionStorage.setItem('penstock.key', '{key}')")
        page.goto(show.server.url + address)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []
