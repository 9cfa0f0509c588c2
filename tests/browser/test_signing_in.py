"""Who may look, and what the page itself forbids."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import expect

from penstock.testing.penstock_process import API_KEY
from penstock.testing.showcase import Showcase

from .conftest import Open


def test_whoever_has_no_key_is_asked_for_one_and_comes_where_he_wanted_to_go(open_page: Open) -> None:
    page = open_page("/executions?status=failed", key=None)
    expect(page.get_by_role("heading", name="Sign in to Penstock")).to_be_visible()
    page.get_by_label("Key", exact=True).fill(API_KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    assert page.url.endswith("/executions?status=failed")
    expect(page.get_by_title("Organization and project of your key")).to_contain_text("default")


def test_a_key_stays_only_where_that_was_asked_for(open_page: Open) -> None:
    page = open_page("/", key=None)
    page.get_by_label("Key", exact=True).fill(API_KEY)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Account").click()
    assert page.evaluate("[localStorage['penstock.key'], sessionStorage['penstock.key']]") == [API_KEY, None]
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_wrong_key_is_told_and_not_kept(open_page: Open) -> None:
    page = open_page("/sign-in", key=None, unreachable=True)
    page.get_by_label("Key", exact=True).fill("psk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The server does not know this key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_key_that_is_revoked_ends_the_session_and_says_so(show: Showcase, open_page: Open) -> None:
    made = show.server.post("/keys", {"name": "short", "scopes": ["executions:read"]}).json()
    page = open_page("/executions", key=made["key"], unreachable=True)
    expect(page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    page.evaluate("sessionStorage.setItem('left', 'yes')")
    show.server.client.delete(f"/keys/{made['id']}").raise_for_status()
    page.get_by_label("Name or id").fill("anything")
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    expect(page.get_by_text("revoked")).to_be_visible()


def test_browsers_are_given_the_page_and_programs_the_api(show: Showcase) -> None:
    browsers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for address in ("/", "/executions", "/executions/exec_1?item=3", "/nowhere"):
        answer = requests.get(show.server.url + address, headers=browsers, timeout=10)
        assert answer.status_code == 200
        assert '<div id="root">' in answer.text
    assert (
        "root"
        not in requests.get(f"{show.server.url}/docs", headers=browsers, timeout=10).text.partition("<body")[2][:40]
    )
    assert requests.get(f"{show.server.url}/executions", timeout=10).status_code == 401
    # A program that takes anything, HTML first, as Java's does, has a key.
    assert show.server.client.get("/executions", headers=browsers).json()["data"] is not None


def test_files_are_kept_for_good_and_the_page_is_asked_for_anew(show: Showcase) -> None:
    client = show.server.client
    page = client.get("/")
    assert page.headers["Cache-Control"] == "no-cache"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    script = re.search(r'src="(/ui/assets/[^"]+\.js)"', page.text)
    assert script is not None
    answer = client.get(script[1])
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert client.get("/ui/../settings.py").status_code == 404
    assert client.get("/ui/assets/none.js").status_code == 404
