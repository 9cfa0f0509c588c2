"""One execution: watched to its end, over a kill of the server too, and looked into item by item."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from penstock.testing.showcase import HOSTILE, Showcase, enlarge

from .conftest import Open

ITEMS = 100_000


def test_a_run_is_watched_from_its_beginning_to_its_end(show: Showcase, open_page: Open) -> None:
    execution_id = show.begin(300, concurrency=4)
    page = open_page(f"/executions/{execution_id}")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_text("completed · partial")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuetext", "300 of 300")
    expect(page.get_by_role("button", name="failed 50")).to_be_visible()
    page.get_by_role("tab", name="Pace").click()
    expect(page.get_by_role("img", name="Throughput in items per second")).to_be_visible()
    page.get_by_role("button", name="Retry 50 failed").click()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Retry 50 failed")).to_be_visible(timeout=30_000)


def test_a_kill_of_the_server_in_the_middle_is_survived_without_a_gap(show: Showcase, open_page: Open) -> None:
    execution_id = show.begin(200, concurrency=2)
    page = open_page(f"/executions/{execution_id}", unreachable=True)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    bar = page.get_by_role("progressbar", name="Progress")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    show.server.kill()
    expect(page.get_by_text("connection lost, trying again")).to_be_visible()
    seen = int(bar.get_attribute("aria-valuenow") or 0)
    assert 0 < seen < 200
    show.server.start()
    expect(page.get_by_text("completed · partial")).to_be_visible(timeout=40_000)
    expect(bar).to_have_attribute("aria-valuetext", "200 of 200")
    expect(page.get_by_role("grid", name="Items")).to_have_attribute("aria-rowcount", "201")


def test_a_run_is_paused_resumed_otherwise_and_cancelled_with_a_receipt(show: Showcase, open_page: Open) -> None:
    execution_id = show.begin(5_000, concurrency=1, budget={"usd": "5.00"})
    page = open_page(f"/executions/{execution_id}")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_label("Items at once").fill("2")
    page.get_by_label("Budget in US dollars").fill("7.50")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_text("of $7.50")).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text(re.compile(r"The last call stopped .* items finished and kept"))).to_be_visible()


def test_a_hundred_thousand_items_scroll_failed_ones_first(show: Showcase, open_page: Open) -> None:
    execution_id = show.begin_with([{"review": "They last."}, {"review": "late, in the wrong colour"}])
    show.server.wait(execution_id)
    enlarge(show.server.data_dir, execution_id, ITEMS)
    page = open_page(f"/executions/{execution_id}")
    grid = page.get_by_role("grid", name="Items")
    expect(grid).to_have_attribute("aria-rowcount", str(ITEMS + 1))
    expect(grid.get_by_role("row").nth(1)).to_contain_text("failed")
    grid.focus()
    page.keyboard.press("End")
    expect(grid.get_by_text(f"{ITEMS - 2}", exact=True)).to_be_visible()
    assert grid.get_by_role("row").count() < 80
    # While it is dragged through from end to end, the page goes on drawing.
    frames = grid.evaluate(
        """async (grid) => {
             let frames = 0;
             for (let step = 0; step <= 60; step += 1) {
               grid.scrollTop = grid.scrollHeight * (1 - step / 60);
               await new Promise(requestAnimationFrame);
               frames += 1;
             }
             return frames;
           }"""
    )
    assert frames == 61
    expect(grid.get_by_role("row").nth(1)).to_contain_text("failed")
    page.get_by_role("button", name="failed 1,000").click()
    expect(grid).to_have_attribute("aria-rowcount", "1001")
    page.wait_for_url("**show=failed*")


def test_an_item_shows_all_that_was_done_and_text_of_models_stays_text(
    show: Showcase, open_page: Open, tmp_path: Path
) -> None:
    execution_id = show.begin_with([{"review": HOSTILE}, {"review": "They last."}])
    show.server.wait(execution_id)
    page = open_page(f"/executions/{execution_id}")
    page.get_by_role("grid", name="Items").get_by_text("0", exact=True).click()
    page.wait_for_url("**item=0*")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_label("output", exact=True)).to_contain_text("<img src=x")
    drawer.get_by_text("draft").last.click()
    expect(drawer.get_by_label("output of draft", exact=True)).to_contain_text("<script>")
    assert page.locator("main img[src=x], dialog img[src=x]").count() == 0
    assert page.title().startswith("review-triage")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_role("log")).to_contain_text("draft succeeded in")
    page.get_by_role("tab", name="Request").click()
    expect(page.get_by_label("request", exact=True)).to_contain_text("curl 'http://")
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Results as JSON", exact=True).click()
    saved.value.save_as(tmp_path / "results.json")
    assert "They" not in (tmp_path / "results.json").read_text()
    assert HOSTILE.split('"')[0] in (tmp_path / "results.json").read_text()
