"""The list of executions: what it shows, how it is narrowed down, and what is done to several at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from penstock.testing.showcase import Showcase

from .conftest import Open


def test_filters_stand_in_the_url_and_come_back_from_it(show: Showcase, open_page: Open) -> None:
    execution_id = show.finished(6)
    page = open_page("/executions")
    row = page.get_by_role("row").filter(has_text=execution_id[-8:])
    expect(row).to_contain_text("completed · partial")
    expect(row).to_contain_text("6 of 6 · 1 failed")
    page.get_by_role("button", name="Any status").click()
    page.get_by_role("menuitem", name="running").click()
    page.keyboard.press("Escape")
    page.get_by_label("Name or id").fill("triage")
    page.wait_for_url("**/executions?*q=triage*")
    expect(row).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="running")).to_be_visible()
    expect(page.get_by_label("Name or id")).to_have_value("triage")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(row).to_be_visible()
    assert page.url.endswith("/executions")


@pytest.mark.usefixtures("slow_model")
def test_several_are_cancelled_with_one_question_and_that_can_be_undone(show: Showcase, open_page: Open) -> None:
    runs = [show.begin(40, concurrency=1) for _ in range(2)]
    page = open_page("/executions")
    for execution_id in runs:
        page.get_by_role("row").filter(has_text=execution_id[-8:]).get_by_role("checkbox").check()
    page.get_by_role("button", name="Cancel 2").click()
    page.get_by_role("button", name="Cancel them").click()
    expect(page.get_by_text("2 executions cancelled.")).to_be_visible()
    for execution_id in runs:
        expect(page.get_by_role("row").filter(has_text=execution_id[-8:])).to_contain_text("cancelled")
    page.get_by_role("button", name="Undo").click()
    for execution_id in runs:
        expect(page.get_by_role("row").filter(has_text=execution_id[-8:])).to_contain_text("running")
    for execution_id in runs:
        show.act(execution_id, "cancel")


def test_everything_is_reached_with_the_keyboard_alone(show: Showcase, open_page: Open) -> None:
    execution_id = show.finished(6)
    page = open_page("/executions")
    expect(page.get_by_text(execution_id[-8:])).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type(execution_id)
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("grid", name="Items")).to_be_visible()
    page.wait_for_url(f"**/executions/{execution_id}")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Items":
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Item 0")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Items"
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Retry 1 item")).to_be_visible()


def test_an_address_without_a_page_leads_on(open_page: Open) -> None:
    page = open_page("/nowhere")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.get_by_role("link", name="Go to the executions").click()
    expect(page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()


def test_a_server_that_is_away_is_told_and_what_is_shown_stays(show: Showcase, open_page: Open) -> None:
    execution_id = show.finished(6)
    page = open_page("/executions?since=hour", unreachable=True)
    row = page.get_by_role("row").filter(has_text=execution_id[-8:])
    expect(row).to_be_visible()
    show.server.kill()
    page.get_by_label("Kind").select_option("flow")
    expect(page.get_by_text("The server cannot be reached. What is shown")).to_be_visible()
    expect(row).to_be_visible()
    show.server.start()
    expect(page.get_by_text("The server cannot be reached. What is shown")).to_have_count(0)
    expect(row).to_be_visible()
