"""axe finds nothing serious on any page, in either theme, wide or narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from penstock.testing.showcase import Showcase

from .conftest import AXE, Open

SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page(show: Showcase, open_page: Open, theme: str) -> None:
    execution_id = show.finished(12)
    page = open_page("/sign-in", key=None, theme=theme)
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    check(page, theme)
    page = open_page("/executions", theme=theme)
    expect(page.get_by_text(execution_id[-8:])).to_be_visible()
    check(page, theme)
    page.get_by_role("checkbox").nth(1).check()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("listbox")).to_be_visible()
    check(page, theme)
    page = open_page(f"/executions/{execution_id}?item=4", theme=theme)
    expect(page.get_by_role("dialog").get_by_text("the prompt was refused").first).to_be_visible()
    check(page, theme)
    page.keyboard.press("Escape")
    for tab, ready in (("Items", "succeeded"), ("Pace", "Throughput"), ("Log", "succeeded in"), ("Request", "curl")):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel").get_by_text(ready).first).to_be_visible()
        check(page, theme)
    page = open_page("/nowhere", theme=theme, width=390)
    expect(page.get_by_text("There is no page")).to_be_visible()
    check(page, theme)


def test_on_a_phone_the_menu_is_a_drawer_and_nothing_sticks_out(show: Showcase, open_page: Open) -> None:
    execution_id = show.finished(12)
    for address in ("/executions", f"/executions/{execution_id}"):
        page = open_page(address, width=390)
        expect(page.get_by_text("completed").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("dialog").get_by_role("link", name="Executions")).to_be_visible()
        check(page)


def check(page: Page, theme: str = "light") -> None:
    """Raises with what is wrong where. In the dark nothing but colours is otherwise."""
    # As the browser's own tool would, past the policy of the page.
    page.evaluate(AXE.read_text())
    # What is in the middle of appearing has the colours of neither end.
    page.evaluate(
        "Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations === 1).map(a => a.finished))"
    )
    found = page.evaluate("only => axe.run(only)", {"runOnly": ["color-contrast"]} if theme == "dark" else {})
    wrong = [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]], violation["nodes"][0]["failureSummary"])
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]
    assert wrong == []
